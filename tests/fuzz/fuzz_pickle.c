/* fuzz_pickle.c - a pickle alone, and the table that comes of it when its storages have data. */
#include "fuzz.h"
#include "io/pickle.h"
#include "io/torch_values.h"

#define STORAGE_BYTES 256

/* Every storage that is small enough gets bytes of its own; the others stay without. */
static uint8_t *give_data(const hf_pickle *p)
{
    uint8_t *data = calloc(p->n_storages + 1, STORAGE_BYTES);
    for (size_t i = 0; data && i < p->n_storages; i++)
        if (p->storages[i]->n_elements <= STORAGE_BYTES / 8)
            p->storages[i]->data = data + i * STORAGE_BYTES;
    return data;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    hf_tensor_file *f = NULL;
    hf_pickle pickle;
    hf_error err = { 0 };

    if (hf_pickle_open(&pickle, bytes, n, "it", &err) < 0)
        return 0;
    uint8_t *data = give_data(&pickle);
    if (hf_tensor_table_new(&f, "it", &err) == HF_OK) {
        f->bytes = bytes;
        f->n_bytes = n;
        if (hf_torch_values_read(f, &pickle, &err) == HF_OK && hf_tensor_table_finish(f, &err) == HF_OK)
            touch_table(f);
    }
    hf_tensor_file_close(&f);
    hf_pickle_close(&pickle);
    free(data);
    return 0;
}
