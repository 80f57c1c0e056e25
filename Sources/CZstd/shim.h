// The C headers of zstd (Debian: libzstd-dev), as one Swift module.
#pragma once
#include <zstd.h>
#include <zstd_errors.h>
