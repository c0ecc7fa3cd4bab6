#!/bin/sh
# SPDX-License-Identifier: MIT
#
# node: loads npm and its parts, works on buffers, workers, zlib and crypto, starts children.

. "$(dirname "$0")/lib.sh"

export HOME="$work" npm_config_update_notifier=false
npm=$(readlink -f "$(command -v npm)")

same npm_version node "$npm" --version
same npm_help node "$npm" help-search --json registry
cat >"$work/load.js" <<'END'
// Loads every module of npm's own lib folder and uses some of what it depends on.
const fs = require('fs');
const path = require('path');
const root = path.dirname(path.dirname(process.argv[2]));
let loaded = 0;
let failed = 0;
for (const folder of ['lib/utils', 'lib/commands', 'lib']) {
    const full = path.join(root, folder);
    for (const name of fs.readdirSync(full).sort()) {
        if (name.endsWith('.js') && !name.startsWith('cli')) {
            try {
                require(path.join(full, name));
                loaded++;
            } catch (error) {
                failed++;
            }
        }
    }
}
// One of them would make an exit that npm has not been told of a failure.
process.removeAllListeners('exit');
console.log('loaded', loaded, 'failed', failed);
if (loaded < 50) {
    process.exit(1);
}
END
same npm_load node "$work/load.js" "$npm"
cat >"$work/work.js" <<'END'
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const zlib = require('zlib');
const crypto = require('crypto');
const { execFileSync } = require('child_process');
if (!isMainThread) {
    const parts = [];
    for (let i = 0; i < 300; i++) {
        parts.push(Buffer.alloc(1000 + i * 37, workerData + i));
    }
    const all = Buffer.concat(parts);
    const back = zlib.inflateSync(zlib.deflateSync(all));
    parentPort.postMessage(crypto.createHash('sha256').update(back).digest('hex'));
} else {
    const results = [];
    for (let w = 0; w < 4; w++) {
        const worker = new Worker(__filename, { workerData: w });
        worker.on('message', (m) => { results[w] = m; });
        worker.on('error', (e) => { throw e; });
    }
    process.on('exit', () => {
        console.log(results.join('\n'));
        const map = new Map();
        for (let i = 0; i < 200000; i++) {
            map.set('k' + i, { i, s: 'x'.repeat(i % 30) });
        }
        console.log(map.size, JSON.stringify([...map.values()].slice(-3)));
        console.log(execFileSync(process.execPath, ['-p', '6*7']).toString().trim());
    });
    const big = [];
    for (let i = 0; i < 50; i++) {
        big.push(Buffer.allocUnsafe(1 << 20).fill(i));
    }
    zlib.gzip(Buffer.concat(big), (error, packed) => {
        console.log(error, zlib.gunzipSync(packed).length);
    });
}
END
same node_work node "$work/work.js"
