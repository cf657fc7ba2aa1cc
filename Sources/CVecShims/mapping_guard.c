// Reading a mapped page that the disk cannot deliver (EIO), or that lies beyond the end of a file that was cut, raises
// SIGBUS. The handler puts zero pages in the place of the guarded range the address lies in and notes it; the reader goes
// on, and whoever holds the mapping finds out before it believes what was read. Any other SIGBUS is what it always was.
#define _GNU_SOURCE
#include "CVecShims.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { GUARDS_MAX = 65536 };

struct guard {
  _Atomic(uintptr_t) base;  // 0: free
  _Atomic(uintptr_t) end;
  _Atomic(int) faulted;
};

static struct guard guards[GUARDS_MAX];
static _Atomic(int) used;  // guards from here on were never taken
static struct sigaction before;
static uintptr_t page_bytes;

static void on_bus_error(int number, siginfo_t *info, void *context) {
  uintptr_t address = (uintptr_t)info->si_addr;
  int count = atomic_load(&used);
  for (int slot = 0; slot < count; slot++) {
    uintptr_t base = atomic_load(&guards[slot].base);
    uintptr_t end = atomic_load(&guards[slot].end);
    if (base == 0 || address < base || address >= end) continue;
    atomic_store(&guards[slot].faulted, 1);
    // Only the rest from the bad page on: what lies before it may be read by others right now.
    uintptr_t page = address & ~(page_bytes - 1);
    void *zero = mmap((void *)page, end - page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (zero != MAP_FAILED) return;
    break;
  }
  if (before.sa_flags & SA_SIGINFO && before.sa_sigaction) {
    before.sa_sigaction(number, info, context);
    return;
  }
  signal(SIGBUS, SIG_DFL);  // the instruction repeats, and ends the process
}

int vs_guard_mappings(void) {
  static _Atomic(int) installed;
  if (atomic_exchange(&installed, 1)) return 0;
  page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
  return sigaction(SIGBUS, &action, &before);
}

int vs_guard_add(const void *base, size_t count) {
  for (int slot = 0; slot < GUARDS_MAX; slot++) {
    uintptr_t none = 0;
    // The end comes last, so that the handler never sees the range of a former mapping.
    if (!atomic_compare_exchange_strong(&guards[slot].base, &none, (uintptr_t)base)) continue;
    atomic_store(&guards[slot].faulted, 0);
    atomic_store(&guards[slot].end, (uintptr_t)base + count);
    int seen = atomic_load(&used);
    while (seen < slot + 1 && !atomic_compare_exchange_weak(&used, &seen, slot + 1)) {}
    return slot;
  }
  return -1;
}

int vs_guard_faulted(int slot) { return slot < 0 ? 0 : atomic_load_explicit(&guards[slot].faulted, memory_order_relaxed); }

void vs_guard_remove(int slot) {
  if (slot < 0) return;
  atomic_store(&guards[slot].end, 0);
  atomic_store(&guards[slot].base, 0);
}
