// The C headers of MD4C (Debian: libmd4c-dev, libmd4c-html0-dev), as one Swift module.
#pragma once
#include <md4c-html.h>
