// The C headers of zlib (Debian: zlib1g-dev), as one Swift module.
#pragma once
#include <zlib.h>
