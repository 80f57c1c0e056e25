// The C headers of openblas (Debian: libopenblas-dev), as one Swift module.
#pragma once
#include <cblas.h>
