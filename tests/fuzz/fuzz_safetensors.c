/* fuzz_safetensors.c - the safetensors reader: the bytes as a file, and as a header with its data behind a zero byte, for which
 * the length is written here. A fuzzer rarely keeps the two in step. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const uint8_t *zero = n ? memchr(data, 0, n) : NULL;
    size_t header = zero ? (size_t)(zero - data) : n, behind = zero ? n - header - 1 : 0;
    uint8_t *file = calloc(8 + header + behind, 1);

    fuzz_file(data, n);
    if (!file)
        return 0;
    for (int i = 0; i < 8; i++)
        file[i] = (uint8_t)((uint64_t)header >> 8 * i);
    if (header)
        memcpy(file + 8, data, header);
    if (behind)
        memcpy(file + 8 + header, zero + 1, behind);
    fuzz_file(file, 8 + header + behind);
    free(file);
    return 0;
}
