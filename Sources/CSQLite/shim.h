#include <sqlite3.h>

// sqlite3_db_config takes variable arguments, which Swift cannot pass.

/// Closing the connection leaves the log as it is: nothing is folded, nothing removed.
static inline int csqlite_keep_log_on_close(sqlite3 *handle) {
  return sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)0);
}
