#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

#include "src/backend.h"

static hf_error err;

Test(backend, an_unknown_name_is_refused_with_the_known_ones)
{
    hf_backend *be = (hf_backend *)&err;
    cr_assert_eq(hf_backend_open(&be, "abacus", 1, &err), HF_EARG);
    cr_assert_null(be);
    cr_assert_str_eq(err.text, "backend \"abacus\" is not known, want ref or cpu");
}

Test(backend, close_accepts_nothing)
{
    hf_backend *be = NULL;
    hf_backend_close(&be);
    hf_backend_close(NULL);
}

Test(backend, every_backend_fills_every_entry_of_the_table)
{
    typedef void (*entry)(void);
    for (const char *const *name = hf_backend_names(); *name; name++) {
        hf_backend *be;
        entry entries[sizeof(hf_ops) / sizeof(entry)];
        cr_assert_eq(hf_backend_open(&be, *name, 1, &err), HF_OK);
        memcpy(entries, &be->ops, sizeof(be->ops));
        for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
            cr_assert(entries[i], "%s: entry %zu is empty", *name, i);
        hf_backend_close(&be);
    }
}

Test(backend, memory_is_zero_aligned_and_refused_when_there_is_none)
{
    for (const char *const *name = hf_backend_names(); *name; name++) {
        hf_backend *be;
        cr_assert_eq(hf_backend_open(&be, *name, 1, &err), HF_OK);
        unsigned char *data = be->ops.alloc(be, 100), host[100];
        hf_tensor t = hf_tensor_view(data, HF_U8, 1, 100);
        cr_assert_eq((uintptr_t)data % 64, 0);
        be->ops.read(be, host, &t, &err);
        be->ops.sync(be, &err);
        for (int i = 0; i < 100; i++)
            cr_assert_eq(host[i], 0);
        be->ops.free(be, data);
        be->ops.free(be, NULL);
        cr_assert_null(be->ops.alloc(be, SIZE_MAX));
        cr_assert_null(be->ops.alloc(be, SIZE_MAX / 2));
        hf_backend_close(&be);
    }
}

Test(backend, what_is_written_is_copied_and_read_back)
{
    for (const char *const *name = hf_backend_names(); *name; name++) {
        hf_backend *be;
        float there[3] = { 1, 2, 3 }, back[3] = { 0 };
        cr_assert_eq(hf_backend_open(&be, *name, 1, &err), HF_OK);
        hf_tensor a = hf_tensor_view(be->ops.alloc(be, 12), HF_F32, 1, 3);
        hf_tensor b = hf_tensor_view(be->ops.alloc(be, 12), HF_F32, 1, 3);
        cr_assert_eq(be->ops.write(be, &a, there, &err), HF_OK);
        cr_assert_eq(be->ops.copy(be, &b, &a, &err), HF_OK);
        cr_assert_eq(be->ops.read(be, back, &b, &err), HF_OK);
        cr_assert_eq(be->ops.sync(be, &err), HF_OK);
        cr_assert_arr_eq(back, there, 3 * sizeof(float));
        be->ops.free(be, a.data);
        be->ops.free(be, b.data);
        hf_backend_close(&be);
    }
}
