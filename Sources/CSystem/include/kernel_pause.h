// The hint to the processor that a loop spins: Swift has no spelling for it.
#pragma once

static inline void shim_cpu_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}
