// For loops that are worth vector instructions: compiled once for each level of the instruction
// set, and the machine's own is chosen when the library is loaded. Private to kernels/.
#pragma once

#if defined(__x86_64__) && defined(__linux__)
#define DREAM_VECTOR_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define DREAM_VECTOR_CLONES
#endif
// Of what such a function calls: into each of its clones, for that one's instructions.
#define DREAM_INLINE inline __attribute__((always_inline))
