// The C headers of snappy (Debian: libsnappy-dev), as one Swift module.
#pragma once
#include <snappy-c.h>
