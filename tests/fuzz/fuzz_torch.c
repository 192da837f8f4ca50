/* fuzz_torch.c - whole torch files, archives and older ones. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) { return fuzz_file(data, n); }
