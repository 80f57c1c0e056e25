// Whether this processor can run the kernels, which are compiled for x86-64-v3 (see Package.swift).
#pragma once

// What to tell the user of a processor with or without AVX2 and FMA: a sentence, or null when both are there.
const char *_Nullable shim_processor_refusal(int has_avx2, int has_fma);
// Says so on standard error and ends the program with 1 if this processor lacks one. Elsewhere than on x86-64
// it returns.
void shim_require_processor(void);
// The number of processors in the affinity mask of this thread, as taskset sets it; 0 if it cannot be read.
int shim_affinity_count(void);
