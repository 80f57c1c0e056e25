// The C headers of SQLite (Debian: libsqlite3-dev), as one Swift module.
#pragma once
#include <sqlite3.h>
