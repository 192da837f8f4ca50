/* backends.h - a test on every backend there is, with arrays in the backend's memory.
 *
 * `cuda` takes part where its module can be opened: on a machine with a GPU, or emulated (tests/emulation, where
 * HFPROP_CUDA_MODULE names the module). Elsewhere it is skipped, by name; but a module that is named must open.
 */
#ifndef HF_TESTS_BACKENDS_H
#define HF_TESTS_BACKENDS_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/backend.h"

/* "ref", "cpu" and, where it is there, "cuda"; NULL at the end. */
static inline const char *const *test_backends(void)
{
    static const char *names[4] = { "ref", "cpu" };
    static int looked;
    hf_backend *be;
    hf_error err;

    if (!looked++) {
        if (hf_backend_open(&be, "cuda", 1, &err) == HF_OK)
            names[2] = "cuda";
        else if (getenv("HFPROP_CUDA_MODULE"))
            cr_assert_fail("%s", err.text);
        else
            fprintf(stderr, "skipped: 1 backend, cuda: %s\n", err.text);
        hf_backend_close(&be);
    }
    return names;
}

/* Give t memory of the backend, filled from host memory. */
static inline void put(hf_backend *be, hf_tensor *t, const void *host)
{
    hf_error err = { 0 };
    cr_assert_not_null(t->data = be->ops.alloc(be, hf_tensor_bytes(t)));
    cr_assert_eq(be->ops.write(be, t, host, &err), HF_OK, "%s", err.text);
    cr_assert_eq(be->ops.sync(be, &err), HF_OK, "%s", err.text);
}

/* The same with one byte everywhere. */
static inline void put_byte(hf_backend *be, hf_tensor *t, int byte)
{
    void *host = malloc(hf_tensor_bytes(t));
    memset(host, byte, hf_tensor_bytes(t));
    put(be, t, host);
    free(host);
}

static inline void get(hf_backend *be, void *host, const hf_tensor *t)
{
    hf_error err = { 0 };
    cr_assert_eq(be->ops.read(be, host, t, &err), HF_OK, "%s", err.text);
    cr_assert_eq(be->ops.sync(be, &err), HF_OK, "%s", err.text);
}

static inline void drop(hf_backend *be, hf_tensor *t)
{
    be->ops.free(be, t->data);
    t->data = NULL;
}

#endif
