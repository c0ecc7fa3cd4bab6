// SPDX-License-Identifier: MIT
//
// Model of the remote-free protocol (libapex/core/remote.h, policy/orphan.c, policy/heap.c) for the
// checker spin: send, drain, exit, adopt, and the sweep for sleepers. Reason: the protocol has no
// lock, four kinds of parties and two steps in each delivery; no test meets every interleaving.
//
// Each step that is atomic in C is atomic here, and nothing more. Memory is sequentially
// consistent: the model is about the order of steps, not about memory order, which TSan and
// docs/memory-ordering.md look after. BLOCKS blocks of two chunks; every chunk is live at the start
// and is freed by one of two senders. What is checked, in every interleaving:
//
//   R1, R2  no block is put into an inbox while it is in one, or in somebody's hand
//   R3      nobody waits for ever for a closed inbox (it would be an invalid end state)
//   R4, R5  blocks in the wrong inbox, and borrowed ones, arrive
//   -       a block that goes home to the pool has nothing under way to it, and goes home once
//   -       at the end every chunk was received and every block is at home: nothing is lost
//
// model.sh runs it in several sizes, because all parties with two blocks are too many states:
//
//   BLOCKS=1 or 2
//   REOPEN            the first owner's heap serves a second thread
//   ADOPTER, SWEEPER  with them

#ifndef BLOCKS
#define BLOCKS 1
#endif
#define CAPACITY 2 // chunks of a block, as many as there are senders

#define NIL 0 // blocks are 1, and perhaps 2
#define CLOSED 99

// Owners.
#define A 0
#define B 1
#define ORPHANAGE 2
#define NOBODY 3 // at home, in the pool

byte owner[BLOCKS + 1];
byte remote[BLOCKS + 1];     // length of the chain in the block's remote word
byte inbox_next[BLOCKS + 1];
byte inbox[3];               // first block; NIL; CLOSED
byte used[BLOCKS + 1];       // private to the owner
bool purged[BLOCKS + 1];
byte orphan_lock;

bool queued[BLOCKS + 1];     // ghost: in an inbox, or in the hand of who took it from one
byte finished;               // ghost: parties that have ended

// remote_enqueue: `o` and `h` are the caller's locals. The wait for an owner who is leaving is a
// blocking one, so that a wait for ever is found.
inline enqueue(b) {
    do
    ::  o = owner[b];
        assert(o != NOBODY);
        h = inbox[o];
        do
        ::  h == CLOSED -> break
        ::  else ->
            inbox_next[b] = h;
            if
            ::  atomic { inbox[o] == h -> assert(!queued[b]); queued[b] = true; inbox[o] = b }
                arrived = true;
                break
            ::  atomic { inbox[o] != h -> h = inbox[o] }
            fi
        od;
        if
        ::  arrived -> arrived = false; break
        ::  else -> (owner[b] != o || inbox[o] != CLOSED)
        fi
    od;
    o = 0;
    h = 0
}

// remote_deliver of one chunk.
inline deliver(b) {
    atomic { old = remote[b]; assert(old < CAPACITY); remote[b] = old + 1 }
    if
    ::  old == 0 -> enqueue(b)
    ::  else -> old = 0
    fi
}

// pool_give: nothing may be under way.
inline go_home(b) {
    assert(remote[b] == 0 && !queued[b] && used[b] == 0 && owner[b] != NOBODY);
    owner[b] = NOBODY
}

// remote_take_chain and block_receive. inbox_next has been read (R2).
inline receive(b) {
    atomic {
        assert(queued[b]);
        queued[b] = false;
        count = remote[b];
        remote[b] = 0;
        assert(count > 0 && count <= used[b]);
        assert(!purged[b] || count == CAPACITY)
    }
    d_step { purged[b] = false; used[b] = used[b] - count; count = 0 }
    if
    ::  used[b] == 0 -> go_home(b)
    ::  else -> skip
    fi
}

// heap_sort_inbox, and orphan_empty_inbox: what is ours is received, the rest passed on (R4).
inline sort(me) {
    do
    ::  list == NIL -> break
    ::  else ->
        mine = list;
        list = inbox_next[mine];
        if
        ::  owner[mine] == me -> receive(mine)
        ::  else -> queued[mine] = false; enqueue(mine)
        fi;
        mine = 0
    od
}

inline drain(me) {
    atomic { list = inbox[me]; inbox[me] = NIL }
    sort(me)
}

inline orphan_acquire() { atomic { orphan_lock == 0 -> orphan_lock = 1 } }
inline orphan_release() { orphan_lock = 0 }

// orphan_drain: only if nobody else is at it.
inline orphan_drain() {
    if
    ::  inbox[ORPHANAGE] != NIL ->
        if
        ::  atomic { orphan_lock == 0 -> orphan_lock = 1 }
            drain(ORPHANAGE);
            orphan_release()
        ::  orphan_lock != 0 -> skip
        fi
    ::  inbox[ORPHANAGE] == NIL -> skip
    fi
}

// heap_abandon: `b` is ours.
inline abandon(b) {
    if
    ::  used[b] == 0 -> go_home(b)
    ::  else -> orphan_acquire(); owner[b] = ORPHANAGE; orphan_release()
    fi
}

// heaps_close.
inline close(me) {
    drain(me);
    it = 1;
    do
    ::  it > BLOCKS -> break
    ::  else ->
        if
        ::  owner[it] == me -> abandon(it)
        ::  else -> skip
        fi;
        it++
    od;
    it = 0;
    atomic { list = inbox[me]; inbox[me] = CLOSED }
    sort(me);
    orphan_drain()
}

// orphan_adopt: any block that waits there, or none.
inline adopt(me) {
    orphan_acquire();
    drain(ORPHANAGE);
    if
    ::  owner[1] == ORPHANAGE -> owner[1] = me
    ::  owner[BLOCKS] == ORPHANAGE -> owner[BLOCKS] = me
    ::  true -> skip
    fi;
    orphan_release()
}

#define LOCALS byte o, h, old, count, list, mine, it; bool arrived = false

// Frees one chunk of each block, in either order.
proctype sender(byte first) {
    LOCALS;
    bool orphan;
    byte b = first;
    do
    ::  orphan = (owner[b] == ORPHANAGE);
        deliver(b);
        if
        ::  orphan -> orphan_drain()
        ::  else -> skip
        fi;
        if
        ::  BLOCKS == 2 && b == first -> b = 3 - first
        ::  else -> break
        fi
    od;
    finished++
}

// The thread that allocated everything: drains or not, exits. Its heap serves another thread later,
// so senders may hold a stale pointer to it.
proctype first_owner() {
    LOCALS;
    if
    ::  drain(A)
    ::  skip
    fi;
    close(A);
#ifdef REOPEN
    inbox[A] = NIL;
    adopt(A);
    close(A);
#endif
    finished++
}

// A thread that comes and adopts.
proctype second_owner() {
    LOCALS;
    inbox[B] = NIL;
    adopt(B);
    if
    ::  drain(B)
    ::  skip
    fi;
    close(B);
    finished++
}

// Looks after the first owner's inbox as if it slept: borrows it, gives pages of complete blocks
// back, and puts the blocks back (R5).
proctype sweeper() {
    LOCALS;
    atomic {
        list = inbox[A];
        if
        ::  list == CLOSED -> list = NIL
        ::  list != CLOSED && list != NIL -> inbox[A] = NIL
        ::  list == NIL -> skip
        fi
    }
    do
    ::  list == NIL -> break
    ::  else ->
        mine = list;
        list = inbox_next[mine];
        if
        ::  remote[mine] == CAPACITY && !purged[mine] ->
            assert(used[mine] == CAPACITY); // the owner has no chunk left to touch
            assert(remote[mine] == CAPACITY);
            purged[mine] = true
        ::  else -> skip
        fi;
        queued[mine] = false;
        enqueue(mine);
        mine = 0
    od;
    finished++
}

init {
    LOCALS;
    byte parties = 3;
    atomic {
        owner[0] = NOBODY;
        owner[1] = A;
        used[1] = CAPACITY;
#if BLOCKS == 2
        owner[2] = A;
        used[2] = CAPACITY;
#endif
        inbox[B] = CLOSED;
        run sender(1);
        run sender(BLOCKS);
        run first_owner();
#ifdef ADOPTER
        run second_owner();
        parties++;
#endif
#ifdef SWEEPER
        run sweeper();
        parties++;
#endif
    }
    (finished == parties);
    // Whoever comes by next empties the orphanage. After that nothing is left anywhere.
    orphan_acquire();
    drain(ORPHANAGE);
    orphan_release();
    assert(owner[1] == NOBODY && owner[BLOCKS] == NOBODY);
    assert(remote[1] == 0 && remote[BLOCKS] == 0);
    assert(inbox[A] == CLOSED && inbox[B] == CLOSED && inbox[ORPHANAGE] == NIL)
}
