/* fuzz_shards.c - an index of shards up to the names of its files, which memory has not. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) { return fuzz_file(data, n); }
