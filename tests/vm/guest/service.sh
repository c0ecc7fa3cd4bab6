#!/bin/sh
# SPDX-License-Identifier: MIT
#
# apexd as a service of the system, by its installed units: does it start, without any right; does
# it see a service that runs as another user, on one node and within a limit; does nobody get lost
# when it is killed or restarted; does it act when it may; does it stop; does a user's own run?

. /rig/tests/lib.sh

installed=/usr/local

property()
{
    systemctl show -P "$2" "$1"
}

is()
{
    [ "$(property "$1" "$2")" = "$3" ]
}

# The main process of a service; never one that a signal to would be a mistake.
main_of()
{
    found=$(property "$1" MainPID)
    [ "$found" -gt 1 ] || fail "$1 has no process: $(systemctl status "$1")"
    echo "$found"
}

# What a process is called for as long as it lives; nothing when it is not listed.
key_of()
{
    apexctl -o json processes | tr '{' '\n' | sed -n "s/.*\"key\":\"\($1:[0-9]*\)\".*/\1/p"
}

is_listed()
{
    [ -n "$(key_of "$1")" ]
}

registrations()
{
    apexctl -o json stats | sed -n 's/.*"registered_total":\([0-9]*\).*/\1/p'
}

pages_of()
{
    sed -n 's/.* \([0-9]*\) *\/memfd:apex.*/\1/p' "/proc/$1/maps" | sort | tr '\n' ' '
}

is_tuned()
{
    apexctl tune "$1" -o json | tr '{' '\n' | grep '"key":"decay_ms"' | grep -q '"value":77,'
}

tune()
{
    wait_for 120 apexctl tune "$leaky" decay_ms=77 || complain 'it cannot be tuned'
    wait_for 120 is_tuned "$leaky" || complain 'it is not tuned'
    pages=$(pages_of "$leaky")
}

# kept WHAT COME SINCE: after something was done to the daemon, at that second, the service is who
# it was, and has not come anew: COME have. In a guest so slow that the daemon was away for as long
# as a process believes in one, it may have, and what was asked of it is asked again.
kept()
{
    come=$2
    if [ $(($(date +%s) - $3)) -gt 2 ] && [ "$(registrations)" != "$come" ]; then
        echo "$1: the daemon was away too long, and the service came anew"
        tune
        come=$(registrations)
    fi
    equal "key after $1" "$(key_of "$leaky")" "$key"
    equal "registrations after $1" "$(registrations)" "$come"
    is_tuned "$leaky" || complain "what was asked by hand is lost after $1"
}

# --- It starts ---

systemd-sysusers || complain 'sysusers'
systemd-tmpfiles --create apexd.conf || complain 'tmpfiles'
systemctl daemon-reload
systemctl start apexd || fail "it does not start: $(systemctl status apexd)"
equal state "$(property apexd ActiveState)" active
property apexd StatusText
daemon=$(main_of apexd)
equal user "$(ps -o user= -p "$daemon")" apexd
equal capabilities "$(sed -n 's/CapEff:\t//p' "/proc/$daemon/status")" 0000000000000000
for row in 'register.sock 666 root root' 'control.sock 660 root apex' 'http.sock 660 root apex'; do
    # shellcheck disable=SC2086
    set -- $row
    equal "$1" "$(stat -c '%a %U %G' "/run/apexd/$1")" "$2 $3 $4"
done
said=$(systemd-analyze --no-pager security --threshold=20 apexd.service 2>&1) ||
    complain "security: $said"
echo "$said" | tail -n 1

# --- It sees a service ---

cat >/run/systemd/system/leaky.service <<END
[Service]
Environment=LD_PRELOAD=$installed/lib/libapex.so.0
NUMAPolicy=bind
NUMAMask=1
MemoryMax=96M
DynamicUser=yes
# DynamicUser= filters system calls; in such a sandbox libapex goes only where it is told to.
Environment=APEX_RUNTIME_DIR=/run/apexd
ExecStart=/rig/bin/leaky
END
systemctl daemon-reload
systemctl start leaky || fail 'a service on libapex does not start'
leaky=$(main_of leaky)
wait_for 120 is_listed "$leaky" || fail "the service is not listed: $(apexctl processes)"
tune
equal 'limit of the service' "$(cat /sys/fs/cgroup/system.slice/leaky.service/memory.max)" 100663296
grep -q 'bind:1' "/proc/$leaky/numa_maps" || complain 'the service is not bound to node 1'
apexctl stats "$leaky" >"$out/stats" || complain 'no statistics of the service'
curl -s --unix-socket /run/apexd/http.sock http://localhost/metrics |
    grep -q 'comm="leaky".*unit="leaky.service"' || complain 'no metrics of the service'
key=$(key_of "$leaky")

# --- Nobody gets lost ---

wait_for 120 is apexd NFileDescriptorStore 2 || complain 'systemd keeps no descriptors'
since=$(date +%s)
kill -9 "$daemon"
wait_for 120 is apexd NRestarts 1 || complain 'it is not started again'
wait_for 120 is apexd ActiveState active || fail "kill -9: $(systemctl status apexd)"
kept 'kill -9' 0 "$since"
since=$(date +%s)
systemctl restart apexd || fail 'it does not restart'
kept restart 0 "$since"
systemctl reload apexd || complain 'it does not reload'
equal 'state after reload' "$(property apexd ActiveState)" active
# Longer than a process believes in a daemon that is dead.
sleep 7
equal 'pages of the service' "$(pages_of "$leaky")" "$pages"
kept 'all of it' "$come" "$(date +%s)"

# --- Others ---

useradd -M -G apex friend
useradd -M stranger
runuser -u friend -- apexctl --runtime-dir /run/apexd stats >"$out/friend" ||
    complain 'the group apex may not ask'
runuser -u friend -- apexctl --runtime-dir /run/apexd stats "$leaky" 2>"$out/denied"
equal 'a process of somebody else' $? 4
runuser -u stranger -- apexctl --runtime-dir /run/apexd stats 2>"$out/stranger"
equal 'a stranger' $? 4
apexctl tune --match comm=leaky --persist retain=5m || complain 'no rule can be made'
equal 'the file of rules' "$(stat -c '%U' /etc/apex/apexd.json)" apexd

# --- It acts when it may ---

mkdir -p /etc/systemd/system/apexd.service.d
ln -s $installed/share/apexalloc/systemd/acting.conf /etc/systemd/system/apexd.service.d/
cat >/etc/systemd/system/apexd.service.d/test.conf <<END
[Service]
Environment="APEXD_OPTIONS=--act --log-level info --http-port=9642"
PrivateNetwork=no
RestrictAddressFamilies=AF_INET AF_INET6
IPAddressAllow=localhost
END
systemctl daemon-reload
since=$(date +%s)
systemctl restart apexd || fail "no acting mode: $(systemctl status apexd)"
equal 'capabilities' "$(sed -n 's/CapEff:\t//p' "/proc/$(main_of apexd)/status")" 0000000000880000
kept 'acting mode' 0 "$since"
curl -s http://localhost:9642/metrics | grep -q '^apexd_build_info' || complain 'no port'
LD_PRELOAD=$installed/lib/libapex.so.0 runuser -u friend -- \
    perl -e '@a = map { "x" x 1000 } 1 .. 30000; @a = (); sleep 300' &
runner=$!
is_swept()
{
    journalctl -u apexd --no-pager | grep -q "from process $(pgrep -P $runner perl), which is idle"
}
wait_for 120 is_swept || complain "it does not act: $(journalctl -u apexd --no-pager | tail)"
kill $runner
# With what the unit lets it see, it notices that the service waits at its own limit.
is_pressed()
{
    apexctl tune "$leaky" -o json | tr '{' '\n' | grep '"key":"decay_ms"' |
        grep -q '"source":"pressure"'
}
group=/sys/fs/cgroup/system.slice/leaky.service
is_pressed && complain 'it is taken for short of memory'
cat $group/memory.current >$group/memory.high
sh -c "echo \$\$ >$group/cgroup.procs && exec press wait 24" >"$out/press" &
runner=$!
wait_for 120 is_pressed || complain "nobody notices: $(cat $group/memory.pressure)"
kill $runner
echo max >$group/memory.high
rm -r /etc/systemd/system/apexd.service.d
systemctl daemon-reload

# --- It stops, and comes when it is asked ---

systemctl stop apexd.socket || complain 'it does not stop'
equal 'state after stop' "$(property apexd ActiveState)" inactive
equal 'what it leaves' "$(ls /run/apexd)" ''
equal 'the service goes on' "$(property leaky MainPID)" "$leaky"
systemctl enable --now apexd.socket || complain 'the socket cannot be enabled'
apexctl stats >/dev/null || complain 'nobody comes'
equal 'state after a question' "$(property apexd ActiveState)" active
wait_for 120 is_listed "$leaky" || complain 'the service does not come back'
systemctl stop leaky apexd.socket
equal 'failed units' "$(systemctl --failed --no-legend --plain | grep -E 'apex|leaky')" ''

# --- One of a user's own ---

uid=$(id -u friend)
install -d -o friend -m 700 "/run/user/$uid"
systemd-run -q -u manager --uid=friend -p Delegate=yes -p Type=notify \
    -E XDG_RUNTIME_DIR="/run/user/$uid" /lib/systemd/systemd --user ||
    complain "no systemd of a user: $(systemctl status manager)"
of_user()
{
    runuser -u friend -- env XDG_RUNTIME_DIR="/run/user/$uid" "$@"
}
of_user systemctl --user start apexd.socket || complain 'no socket of a user'
of_user apexctl stats >/dev/null || complain 'no daemon of a user'
equal 'user of that daemon' "$(stat -c %U "/run/user/$uid/apexd/control.sock")" friend
equal 'state of that daemon' "$(of_user systemctl --user is-active apexd)" active
systemctl stop manager
finish
