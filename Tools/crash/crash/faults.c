// Preloaded into a program, it lets calls on files below one directory fail, or read and write less than was asked. Other files
// (libraries, sockets, the terminal) are left alone, so counting begins with the program's own work. What the environment says:
//
//   FAULTS_UNDER    the directory
//   FAULTS_CALL     the kind of call, as in the table below: open, pread, pwrite, ...
//   FAULTS_AT       which of them is hit, from 1 on; 0 for none
//   FAULTS_HOW      fail     the call answers FAULTS_ERRNO and does nothing
//                   torn     the call does half of its work, and the next of the kind answers FAULTS_ERRNO
//                   short    every FAULTS_AT-th call does a part of its work, as POSIX allows
//                   lie      the same, but says that it did all of it: a planted bug
//   FAULTS_LASTING  1: not one call fails but all from it on
//   FAULTS_LOG      a file that gets a line for each call of any kind, with a ! before those that were hit
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *under, *kind, *how, *log_path;
static long at, error_number;
static int is_lasting, log_file = -1;
static size_t under_length;
static atomic_long count;

__attribute__((constructor)) static void setup(void) {
  under = getenv("FAULTS_UNDER");
  kind = getenv("FAULTS_CALL");
  how = getenv("FAULTS_HOW");
  log_path = getenv("FAULTS_LOG");
  at = getenv("FAULTS_AT") ? atol(getenv("FAULTS_AT")) : 0;
  error_number = getenv("FAULTS_ERRNO") ? atol(getenv("FAULTS_ERRNO")) : EIO;
  is_lasting = getenv("FAULTS_LASTING") && getenv("FAULTS_LASTING")[0] == '1';
  under_length = under ? strlen(under) : 0;
  if (log_path) log_file = (int)syscall(SYS_openat, AT_FDCWD, log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int is_below(const char *path) {
  return under && path && strncmp(path, under, under_length) == 0 && (path[under_length] == '/' || path[under_length] == 0);
}

static int is_ours(int descriptor) {
  char link[40], path[4096];
  if (!under) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  long length = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return is_below(path);
}

enum verdict { GO, FAIL, PART, LIE };

static enum verdict judge(const char *name) {
  enum verdict verdict = GO;
  if (kind && how && at > 0 && strcmp(kind, name) == 0) {
    long number = atomic_fetch_add(&count, 1) + 1;
    if (!strcmp(how, "fail") && (is_lasting ? number >= at : number == at)) verdict = FAIL;
    if (!strcmp(how, "torn")) {
      if (number == at) verdict = PART;
      if (is_lasting ? number > at : number == at + 1) verdict = FAIL;
    }
    if (!strcmp(how, "short") && number % at == 0) verdict = PART;
    if (!strcmp(how, "lie") && number % at == 0) verdict = LIE;
  }
  if (log_file >= 0) {
    char line[64];
    int length = snprintf(line, sizeof line, "%s%s\n", verdict == GO ? "" : "!", name);
    syscall(SYS_write, log_file, line, (size_t)length);
  }
  return verdict;
}

// Some of what was asked, never none and never all.
static size_t part_of(size_t size) { return size < 2 ? size : 1 + (size_t)atomic_load(&count) * 2654435761u % (size - 1); }

#define REAL(name) \
  static __typeof__(name) *real; \
  if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

#define FAILS(name) (judge(name) == FAIL ? (errno = (int)error_number, 1) : 0)

#define MODE_OF(flags) \
  mode_t mode = 0; \
  if ((flags) & (O_CREAT | __O_TMPFILE)) { \
    va_list more; \
    va_start(more, flags); \
    mode = va_arg(more, mode_t); \
    va_end(more); \
  }

#define OPEN(name) \
  int name(const char *path, int flags, ...) { \
    MODE_OF(flags) REAL(name); \
    if (is_below(path) && FAILS("open")) return -1; \
    return real(path, flags, mode); \
  }
OPEN(open)
OPEN(open64)

#define FOPEN(name) \
  FILE *name(const char *path, const char *how_to) { \
    REAL(name); \
    if (is_below(path) && FAILS("open")) return NULL; \
    return real(path, how_to); \
  }
FOPEN(fopen)
FOPEN(fopen64)

#define MOVE(name, as, type, where, pass) \
  ssize_t name(int file, type buffer, size_t size where) { \
    REAL(name); \
    if (!is_ours(file)) return real(file, buffer, size pass); \
    enum verdict verdict = judge(as); \
    if (verdict == FAIL) return errno = (int)error_number, -1; \
    if (verdict == GO) return real(file, buffer, size pass); \
    ssize_t done = real(file, buffer, part_of(size) pass); \
    return verdict == LIE && done >= 0 ? (ssize_t)size : done; \
  }
#define COMMA ,
MOVE(read, "read", void *, , )
MOVE(write, "write", const void *, , )
MOVE(pread, "pread", void *, COMMA off_t offset, COMMA offset)
MOVE(pread64, "pread", void *, COMMA off_t offset, COMMA offset)
MOVE(pwrite, "pwrite", const void *, COMMA off_t offset, COMMA offset)
MOVE(pwrite64, "pwrite", const void *, COMMA off_t offset, COMMA offset)

#define ON_FILE(name, as, parameters, arguments) \
  int name parameters { \
    REAL(name); \
    if (is_ours(file) && FAILS(as)) return -1; \
    return real arguments; \
  }
ON_FILE(fsync, "fsync", (int file), (file))
ON_FILE(fdatasync, "fdatasync", (int file), (file))
ON_FILE(ftruncate, "ftruncate", (int file, off_t size), (file, size))
ON_FILE(ftruncate64, "ftruncate", (int file, off_t size), (file, size))
ON_FILE(fchmod, "fchmod", (int file, mode_t mode), (file, mode))
ON_FILE(flock, "flock", (int file, int operation), (file, operation))
ON_FILE(fstat, "stat", (int file, struct stat *out), (file, out))
ON_FILE(fstat64, "stat", (int file, struct stat64 *out), (file, out))

#define ON_PATH(name, as, parameters, arguments) \
  int name parameters { \
    REAL(name); \
    if (is_below(path) && FAILS(as)) return -1; \
    return real arguments; \
  }
ON_PATH(stat, "stat", (const char *path, struct stat *out), (path, out))
ON_PATH(lstat, "stat", (const char *path, struct stat *out), (path, out))
ON_PATH(stat64, "stat", (const char *path, struct stat64 *out), (path, out))
ON_PATH(lstat64, "stat", (const char *path, struct stat64 *out), (path, out))
ON_PATH(unlink, "unlink", (const char *path), (path))
ON_PATH(rmdir, "rmdir", (const char *path), (path))
ON_PATH(mkdir, "mkdir", (const char *path, mode_t mode), (path, mode))
ON_PATH(access, "access", (const char *path, int mode), (path, mode))
ON_PATH(rename, "rename", (const char *path, const char *to), (path, to))
ON_PATH(link, "link", (const char *path, const char *to), (path, to))
ON_PATH(renameat2, "rename", (int from, const char *path, int folder, const char *to, unsigned flags),
        (from, path, folder, to, flags))

#define MAP(name) \
  void *name(void *address, size_t size, int protection, int flags, int file, off_t offset) { \
    REAL(name); \
    if (file >= 0 && is_ours(file) && FAILS("mmap")) return MAP_FAILED; \
    return real(address, size, protection, flags, file, offset); \
  }
MAP(mmap)
MAP(mmap64)

#define LOCK(name) \
  int name(int file, int command, ...) { \
    REAL(name); \
    va_list more; \
    va_start(more, command); \
    void *argument = va_arg(more, void *); \
    va_end(more); \
    if ((command == F_SETLK || command == F_GETLK) && is_ours(file) && FAILS("lock")) return -1; \
    return real(file, command, argument); \
  }
LOCK(fcntl)
LOCK(fcntl64)

DIR *opendir(const char *path) {
  REAL(opendir);
  if (is_below(path) && FAILS("opendir")) return NULL;
  return real(path);
}

struct dirent *readdir(DIR *folder) {
  REAL(readdir);
  if (is_ours(dirfd(folder)) && FAILS("readdir")) return NULL;
  return real(folder);
}

struct dirent64 *readdir64(DIR *folder) {
  REAL(readdir64);
  if (is_ours(dirfd(folder)) && FAILS("readdir")) return NULL;
  return real(folder);
}
