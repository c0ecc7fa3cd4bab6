// SPDX-License-Identifier: MIT
//
// Intrusive doubly-linked circular list with a head that is a link itself, so that taking an
// element out needs no knowledge of the list it is in. The caller holds whatever protects the list.

#ifndef APEX_BASE_LIST_H
#define APEX_BASE_LIST_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next;
    struct list *prev;
};

// The structure that holds the link `l` as its member `field`.
#define list_entry(l, type, field) ((type *)(void *)((char *)(l) - offsetof(type, field)))

FAST void
list_init(struct list *head)
{
    head->next = head;
    head->prev = head;
}

FAST bool
list_empty(const struct list *head)
{
    return head->next == head;
}

// Becomes the first element.
FAST void
list_push(struct list *head, struct list *link)
{
    link->next = head->next;
    link->prev = head;
    head->next->prev = link;
    head->next = link;
}

// Becomes the last element.
FAST void
list_append(struct list *head, struct list *link)
{
    list_push(head->prev, link);
}

// `link` is in a list; afterwards it is in none, and list_empty(link) holds.
FAST void
list_remove(struct list *link)
{
    link->next->prev = link->prev;
    link->prev->next = link->next;
    list_init(link);
}

#endif
