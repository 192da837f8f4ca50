/* test_backend.c - what every backend gives, and how the module of `cuda` is found, refused and told of. */
#include <criterion/criterion.h>
#include <criterion/logging.h>
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/backend.h"
#include "src/cuda_module.h"

static hf_error err;

/* NULL, with a line that names it, where this machine has no GPU. */
static hf_backend *open_or_skip(const char *name)
{
    hf_backend *be = NULL;
    int rc = hf_backend_open(&be, name, 1, &err);
    if (rc < 0 && strcmp(name, "cuda") == 0) {
        fprintf(stderr, "skipped: 1 backend, %s: %s\n", name, err.text);
        return NULL;
    }
    cr_assert_eq(rc, HF_OK, "%s: %s", name, err.text);
    return be;
}

Test(backend, an_unknown_name_is_refused_with_the_known_ones)
{
    hf_backend *be = (hf_backend *)&err;
    cr_assert_eq(hf_backend_open(&be, "abacus", 1, &err), HF_EARG);
    cr_assert_null(be);
    cr_assert_str_eq(err.text, "device \"abacus\" is not known, want auto, cpu, ref, cuda or cuda:N");
}

Test(backend, close_accepts_nothing)
{
    hf_backend *be = NULL;
    hf_backend_close(&be);
    hf_backend_close(NULL);
}

/* Entries that a backend on the host does not have. */
static bool is_of_devices(size_t offset)
{
    return offset == offsetof(hf_ops, memory) || offset == offsetof(hf_ops, plan_text) ||
           offset == offsetof(hf_ops, record_begin) || offset == offsetof(hf_ops, record_end) ||
           offset == offsetof(hf_ops, replay) || offset == offsetof(hf_ops, recording_free) ||
           offset == offsetof(hf_ops, alloc_host) || offset == offsetof(hf_ops, free_host) ||
           offset == offsetof(hf_ops, mark_new) || offset == offsetof(hf_ops, mark_free) ||
           offset == offsetof(hf_ops, mark) || offset == offsetof(hf_ops, wait);
}

Test(backend, every_backend_fills_every_entry_of_the_table)
{
    typedef void (*entry)(void);
    for (const char *const *name = hf_backend_names(); *name; name++) {
        hf_backend *be = open_or_skip(*name);
        entry entries[sizeof(hf_ops) / sizeof(entry)];
        if (!be)
            continue;
        memcpy(entries, &be->ops, sizeof(be->ops));
        for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
            cr_assert(entries[i] || (be->host_memory && is_of_devices(i * sizeof(entry))), "%s: entry %zu is empty", *name, i);
        hf_backend_close(&be);
    }
}

Test(backend, memory_is_zero_aligned_and_refused_when_there_is_none)
{
    for (const char *const *name = hf_backend_names(); *name; name++) {
        hf_backend *be = open_or_skip(*name);
        if (!be)
            continue;
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
        hf_backend *be = open_or_skip(*name);
        float there[3] = { 1, 2, 3 }, back[3] = { 0 };
        if (!be)
            continue;
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

/* ---- the cuda module ---- */

static void expect_refused(const char *name, hf_status status, const char *text)
{
    hf_backend *be = (hf_backend *)&err;
    cr_assert_eq(hf_backend_open(&be, name, 1, &err), status, "%s: %d, %s", name, err.status, err.text);
    cr_assert_null(be);
    cr_assert(strstr(err.text, text), "%s: \"%s\" does not say \"%s\"", name, err.text, text);
}

Test(backend, names_that_only_begin_like_cuda_are_not_known)
{
    static const char *const names[] = { "cuda:", "cuda:x", "cuda:1x", "cuda:-1", "cuda0", "cuda: 1", "CUDA" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        expect_refused(names[i], HF_EARG, "is not known");
}

Test(backend, a_module_that_is_not_there_is_named)
{
    setenv("HFPROP_CUDA_MODULE", "/nowhere/hfprop_cuda.so", 1);
    expect_refused("cuda", HF_EDEVICE, "/nowhere/hfprop_cuda.so");
    cr_assert(strstr(err.text, "--device cpu"));
}

Test(backend, a_file_that_is_no_module_is_refused)
{
    setenv("HFPROP_CUDA_MODULE", HF_SOURCE_ROOT "/meson.build", 1);
    expect_refused("cuda", HF_EDEVICE, "meson.build");
}

Test(backend, a_library_that_is_another_one_is_refused)
{
    setenv("HFPROP_CUDA_MODULE", "libm.so.6", 1);
    expect_refused("cuda", HF_EDEVICE, HF_CUDA_MODULE_SYMBOL);
}

/* Another build: the module is asked with numbers that are not its own. */
Test(backend, a_module_of_another_build_is_refused)
{
    const char *path = getenv("HFPROP_CUDA_MODULE");
    static const char *const names[] = { HF_CUDA_MODULE_TABLES(HF_CUDA_MODULE_TEXT) };
    hf_cuda_module_abi abi = HF_CUDA_MODULE_ABI;
    hf_cuda_module_fill_fn *fill;
    hf_backend be = { .name = "cuda" };

    if (!path || !*path) {
        fprintf(stderr, "skipped: 1 test, a_module_of_another_build: HFPROP_CUDA_MODULE is not set\n");
        return;
    }
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    cr_assert(module, "%s", dlerror());
    *(void **)&fill = dlsym(module, HF_CUDA_MODULE_SYMBOL);
    abi.version++;
    cr_assert_eq(fill(&be, 0, &abi, &err), HF_EDEVICE);
    cr_assert(strstr(err.text, "another build"), "%s", err.text);
    abi.version--;
    for (int i = 0; i < HF_CUDA_MODULE_SIZES; i++) { /* a table that has got one more entry, whichever it is */
        cr_assert(abi.sizes[i] > 0);
        abi.sizes[i] += 8;
        cr_assert_eq(fill(&be, 0, &abi, &err), HF_EDEVICE, "%s", names[i]);
        cr_assert(strstr(err.text, "another build") && strstr(err.text, names[i]), "%s", err.text);
        abi.sizes[i] -= 8;
    }
    cr_assert_null(be.ctx);
}

Test(backend, a_gpu_that_is_not_there_is_refused)
{
    hf_backend *be = open_or_skip("cuda");
    if (!be)
        return;
    hf_backend_close(&be);
    expect_refused("cuda:99", HF_EDEVICE, "there is no GPU 99");
    expect_refused("cuda:99999999999", HF_EDEVICE, "there is no GPU");
}

Test(backend, auto_is_cpu_without_a_word_where_there_is_no_module)
{
    hf_backend *be = NULL;
    setenv("HFPROP_CUDA_MODULE", "/nowhere/hfprop_cuda.so", 1);
    cr_assert_eq(hf_backend_open(&be, "auto", 1, &err), HF_OK);
    cr_assert_str_eq(be->name, "cpu");
    cr_assert_str_eq(be->note, "");
    hf_backend_close(&be);
}

Test(backend, auto_is_cpu_and_says_why_where_the_module_cannot_be_used)
{
    hf_backend *be = NULL;
    setenv("HFPROP_CUDA_MODULE", HF_SOURCE_ROOT "/meson.build", 1);
    cr_assert_eq(hf_backend_open(&be, NULL, 1, &err), HF_OK);
    cr_assert_str_eq(be->name, "cpu");
    cr_assert(strstr(be->note, "meson.build"), "%s", be->note);
    hf_backend_close(&be);
}

Test(backend, auto_is_cuda_where_there_is_a_gpu_and_tells_of_it)
{
    hf_backend *be = open_or_skip("cuda");
    if (!be)
        return;
    hf_backend_close(&be);
    cr_assert_eq(hf_backend_open(&be, "auto", 1, &err), HF_OK);
    cr_assert_str_eq(be->name, "cuda");
    cr_assert(strstr(be->about, "compute capability"), "%s", be->about);
    hf_backend_close(&be);
}

/* What the emulated module (tests/emulation) pretends to be. */
Test(backend, no_gpu_and_an_old_gpu_are_told_apart)
{
    const char *path = getenv("HFPROP_CUDA_MODULE");
    hf_backend *be = NULL;
    if (!path || !strstr(path, "emulated")) {
        fprintf(stderr, "skipped: 1 test, no_gpu_and_an_old_gpu: HFPROP_CUDA_MODULE is not the emulated module\n");
        return;
    }
    setenv("HF_EMULATED_DEVICES", "0", 1);
    expect_refused("cuda", HF_EDEVICE, "--device cpu");
    cr_assert_eq(hf_backend_open(&be, "auto", 1, &err), HF_OK);
    cr_assert_str_eq(be->note, "");
    hf_backend_close(&be);
    unsetenv("HF_EMULATED_DEVICES");
    setenv("HF_EMULATED_ARCH", "70", 1);
    expect_refused("cuda", HF_EUNSUPPORTED, "compute capability 7.0");
    cr_assert_eq(hf_backend_open(&be, "auto", 1, &err), HF_OK);
    cr_assert(strstr(be->note, "compute capability 7.0"), "%s", be->note);
    hf_backend_close(&be);
}

/* group_norm of 4 pictures [rows,1,8], one group each. */
static int normalise(hf_backend *be, int64_t rows)
{
    hf_tensor x = hf_tensor_view(NULL, HF_F32, 4, 4, rows, 1, 8);
    const hf_group_norm_params params = { .n_groups = 1, .epsilon = 1e-5f };
    x.data = be->ops.alloc(be, hf_tensor_bytes(&x));
    cr_assert_not_null(x.data);
    int rc = be->ops.group_norm(be, &x, &x, NULL, NULL, &params, &err);
    be->ops.free(be, x.data);
    return rc;
}

/* The emulated GPU's blocks are opened with 227 KiB of shared memory, and have 64 when they are asked for 69. */
Test(backend, a_call_that_the_gpu_refuses_is_no_error_of_the_next_one)
{
    const char *path = getenv("HFPROP_CUDA_MODULE");
    if (!path || !strstr(path, "emulated")) {
        fprintf(stderr, "skipped: HFPROP_CUDA_MODULE is not the emulated module\n");
        return;
    }
    setenv("HF_EMULATED_ARCH", "90", 1);
    hf_backend *be = open_or_skip("cuda");
    setenv("HF_EMULATED_ARCH", "75", 1);
    cr_assert_eq(normalise(be, 2200), HF_EDEVICE);
    cr_assert_eq(normalise(be, 20), HF_OK, "%s", err.text);
    hf_backend_close(&be);
}
