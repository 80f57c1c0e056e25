// The C headers of readline (Debian: libreadline-dev), as one Swift module.
#pragma once
#include <stdio.h>
#include <readline/readline.h>
#include <readline/history.h>
