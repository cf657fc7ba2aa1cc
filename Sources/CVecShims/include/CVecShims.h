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

#endif
