// The few Linux calls and instructions Swift cannot reach: CRC32C by the CPU, renameat2, SO_PEERCRED.
#ifndef VEC_SHIMS_H
#define VEC_SHIMS_H

#include <stddef.h>
#include <stdint.h>

// CRC32C of `count` bytes continued from `crc` (0 to start); zlib's calling convention.
uint32_t vs_crc32c(uint32_t crc, const void *bytes, size_t count);

// The same without special instructions: the reference that tests compare with.
uint32_t vs_crc32c_portable(uint32_t crc, const void *bytes, size_t count);

// rename that fails with EEXIST instead of replacing. 0, or -1 with errno set.
int vs_rename_no_replace(const char *from, const char *to);

// The uid of the process at the other end of a connected Unix socket. 0, or -1 with errno set.
int vs_peer_uid(int fd, uint32_t *uid);

// Names the calling thread for tools such as top; what is longer than 15 bytes is cut.
void vs_name_thread(const char *name);

// Gives way to other threads on a busy machine. Only ever less: a thread cannot take it back.
void vs_yield_to_others(void);

// Makes bad pages of guarded mappings readable as zeros instead of ending the process (SIGBUS). Once per process;
// 0, or -1 with errno set.
int vs_guard_mappings(void);

// Guards a mapping; the number to ask and remove it by, or -1 when there are too many (it is then not guarded).
int vs_guard_add(const void *base, size_t count);

// Whether a page of the mapping could not be read. Never again 0 once it is 1.
int vs_guard_faulted(int slot);

// To be called before the mapping goes.
void vs_guard_remove(int slot);

#endif
