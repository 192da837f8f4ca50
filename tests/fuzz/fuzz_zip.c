/* fuzz_zip.c - the directory of a zip archive; members hold what they say. */
#include "fuzz.h"
#include "io/zip_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    hf_zip zip;
    hf_error err = { 0 };

    if (hf_zip_open(&zip, data, n, "it", &err) < 0)
        return 0;
    for (size_t i = 0; i < zip.n_members; i++) {
        const hf_zip_member *m = &zip.members[i];
        if (hf_zip_find(&zip, m->name, m->name_size) != m)
            abort();
        touch(m->name, m->name_size);
        touch(m->data, m->n_bytes);
    }
    hf_zip_close(&zip);
    return 0;
}
