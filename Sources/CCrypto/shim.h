// The C headers of libcrypto (Debian: libssl-dev), as one Swift module.
#pragma once
#include <openssl/evp.h>
