#ifndef GUEST_FAULT_H
#define GUEST_FAULT_H
/*
 * fault.h - memory that somebody else can take away: what happens when an access meets nothing (SIGBUS).
 *
 * Mappings of files that a peer shares with us stand in a fixed table. When an access to one raises SIGBUS (the file shrank,
 * or the page is poisoned), the handler maps zeros over the whole mapping and marks it dead: the access goes on, and control
 * finds out later. No longjmp: whoever was copying notices nothing. SIGBUS from elsewhere is passed on to who was there before.
 */
#include <stdbool.h>
#include <stddef.h>

/* Our choice: above what the kernel lets a process map by default (vm.max_map_count, 65530). An entry that is never used costs nothing. */
#define FAULT_MAPPINGS_MAX 65536

/* Installs the handler; again is nothing. Control, before the first mapping. */
void fault_init(void);

/* A mapping of len bytes at base, page-aligned both. Returns its slot, or -ENOSPC. Control. */
int fault_add(void *base, size_t len);

/* Before it is unmapped. Control. */
void fault_remove(int slot);

/* Whether the handler had to put zeros there. Any thread. */
bool fault_is_dead(int slot);
#endif
