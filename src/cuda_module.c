/* cuda_module.c - see cuda_module.h. */
#include "src/cuda_module.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hf_config.h"

static _Thread_local bool is_absent;

bool hf_cuda_is_absent(void) { return is_absent; }

/* The folder of the running program, with a slash at the end; empty where that is not known. */
static void program_folder(char *folder, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", folder, size - 1);
    folder[n > 0 ? n : 0] = 0;
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[1] = 0;
    else
        folder[0] = 0;
}

/* Without a driver there is no need to open a module that takes the large libraries of the toolkit along. */
static bool has_driver(void)
{
    void *driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
    if (driver)
        dlclose(driver);
    return driver != NULL;
}

static void *open_module(hf_error *err)
{
    const char *named = getenv("HFPROP_CUDA_MODULE");
    char folder[PATH_MAX], beside[PATH_MAX + 64], built[PATH_MAX + 64], why[256] = "";
    void *module = NULL;

    program_folder(folder, sizeof(folder));
    snprintf(beside, sizeof(beside), "%s%s", folder, HF_CUDA_MODULE_NAME);
    snprintf(built, sizeof(built), "%scuda/%s", folder, HF_CUDA_MODULE_NAME);
    is_absent = true;
    if (!(named && *named) && !has_driver()) {
        hf_fail(err, HF_EDEVICE, "device cuda cannot be used: there is no NVIDIA driver (libcuda.so.1); --device cpu needs no GPU");
        return NULL;
    }
    const char *tries[] = { named && *named ? named : beside, built, HF_LIBRARY_FOLDER "/" HF_CUDA_MODULE_NAME };
    size_t n = named && *named ? 1 : 3;
    for (size_t i = 0; i < n && !module; i++) {
        module = dlopen(tries[i], RTLD_NOW | RTLD_LOCAL);
        /* A module that is there but cannot be opened says more than one that is not. */
        bool is_there = access(tries[i], F_OK) == 0;
        if (!module && (i == 0 || is_there))
            snprintf(why, sizeof(why), "%s", dlerror());
        is_absent = is_absent && !is_there;
    }
    if (!module)
        hf_fail(err, HF_EDEVICE, "device cuda cannot be used: %.300s; --device cpu needs no GPU", why);
    return module;
}

int hf_cuda_fill(hf_backend *be, int device, hf_error *err)
{
    const hf_cuda_module_abi abi = HF_CUDA_MODULE_ABI;
    void *module = open_module(err);
    if (!module)
        return HF_EDEVICE;
    /* ISO C has no conversion from an object pointer to a function; POSIX has. */
    hf_cuda_module_fill_fn *fill;
    *(void **)&fill = dlsym(module, HF_CUDA_MODULE_SYMBOL);
    if (!fill)
        return hf_fail(err, HF_EDEVICE, "device cuda cannot be used: %s has no %s", HF_CUDA_MODULE_NAME,
                       HF_CUDA_MODULE_SYMBOL);
    int rc = fill(be, device, &abi, err);
    is_absent = rc == HF_EOF;
    return is_absent ? HF_EDEVICE : rc;
}
