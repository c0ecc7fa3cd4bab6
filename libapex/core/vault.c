// SPDX-License-Identifier: MIT
//
// Opening and closing by mprotect, and the arena.

#include "core/vault.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "base/check.h"
#include "core/meta.h"
#include "os/lock.h"
#include "os/os.h"

struct vault vault;

static struct lock vault_lock = LOCK_INIT(LOCK_RANK_VAULT);
static unsigned writers; // open and not yet closed, by all threads; under the lock

void
vault_open_pages(void)
{
    lock_acquire(&vault_lock);
    if (writers++ == 0 && vault.sealed) {
        // It splits no mapping, so the kernel has no reason to refuse.
        apex_verify(os_commit(&vault, sizeof vault) == 0, &vault);
    }
    lock_release(&vault_lock);
}

void
vault_close_pages(void)
{
    lock_acquire(&vault_lock);
    apex_assert(writers > 0);
    if (--writers == 0 && vault.sealed) {
        os_seal(&vault, sizeof vault); // may be refused, out of mappings: the next one does it
    }
    lock_release(&vault_lock);
}

void
vault_seal(void)
{
    vault_open();
    vault.sealed = PROFILE_READONLY;
    vault_close();
}

void *
vault_alloc(size_t bytes)
{
    void *result = NULL;

    if (PROFILE_READONLY) {
        bytes = bits_align_up(bytes, VAULT_RECORD_BYTES);
        vault_open();
        lock_acquire(&vault_lock);
        if (bytes <= sizeof vault.arena - vault.used_bytes) {
            result = vault.arena + vault.used_bytes;
            store_relaxed(&vault.used_bytes, vault.used_bytes + bytes);
        }
        lock_release(&vault_lock);
        vault_close();
    }
    return result != NULL ? result : meta_alloc(bytes);
}

size_t
vault_bytes(void)
{
    return load_relaxed(&vault.used_bytes);
}

void
vault_fork_prepare(void)
{
    lock_acquire(&vault_lock);
}

void
vault_fork_parent(void)
{
    lock_release(&vault_lock);
}

// Whoever else had it open is not there any more.
void
vault_fork_child(void)
{
    writers = 0;
    if (vault.sealed) {
        os_seal(&vault, sizeof vault);
    }
    lock_renew(&vault_lock);
}
