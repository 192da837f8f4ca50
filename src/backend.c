/* backend.c - the list of backends, opened by name. */
#include "src/backend.h"

#include <omp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/fill_ops.h"
#include "src/cuda_module.h"

typedef struct backend_entry {
    const char *name;
    int (*fill)(hf_backend *be, hf_error *err);
    void (*fill_propagation)(hf_backend *be);
} backend_entry;

static const backend_entry backends[] = {
    { "ref", hf_ref_fill, hf_ref_fill_propagation },
    { "cpu", hf_cpu_fill, hf_cpu_fill_propagation },
};
#define N_BACKENDS (sizeof(backends) / sizeof(backends[0]))

const char *const *hf_backend_names(void)
{
    static const char *names[N_BACKENDS + 2];
    for (size_t i = 0; i < N_BACKENDS; i++)
        names[i] = backends[i].name;
    names[N_BACKENDS] = "cuda";
    return names;
}

/* Containers and batch systems pin a process to a few of the machine's processors. */
static int usable_processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        return CPU_COUNT(&set);
    return 1;
}

/* "cuda" or "cuda:N" */
static bool is_cuda(const char *name, int *device)
{
    char *end;
    *device = 0;
    if (strncmp(name, "cuda", 4) != 0)
        return false;
    if (name[4] == 0)
        return true;
    if (name[4] != ':' || name[5] < '0' || name[5] > '9')
        return false;
    long n = strtol(name + 5, &end, 10);
    *device = n < 1024 ? (int)n : 1024;
    return *end == 0;
}

static int fill(hf_backend *be, const char *name, hf_error *err)
{
    int device, rc;
    for (size_t i = 0; i < N_BACKENDS; i++) {
        if (strcmp(name, backends[i].name) != 0)
            continue;
        be->name = backends[i].name;
        rc = backends[i].fill(be, err);
        if (rc == HF_OK)
            backends[i].fill_propagation(be);
        return rc;
    }
    if (!is_cuda(name, &device))
        return hf_fail(err, HF_EARG, "device \"%s\" is not known, want auto, cpu, ref, cuda or cuda:N", name);
    be->name = "cuda";
    return hf_cuda_fill(be, device, err);
}

/* A machine without a GPU is no news; one whose GPU cannot be used is. */
static int open_auto(hf_backend **out, int n_threads, hf_error *err)
{
    hf_error why = { 0 };
    if (hf_backend_open(out, "cuda", n_threads, &why) == HF_OK)
        return HF_OK;
    int rc = hf_backend_open(out, "cpu", n_threads, err);
    if (rc == HF_OK && !hf_cuda_is_absent())
        snprintf((*out)->note, sizeof((*out)->note), "%.255s", why.text);
    return rc;
}

int hf_backend_open(hf_backend **out, const char *name, int n_threads, hf_error *err)
{
    *out = NULL;
    if (!name || strcmp(name, "auto") == 0)
        return open_auto(out, n_threads, err);
    hf_backend *be = calloc(1, sizeof(*be));
    if (!be)
        return hf_fail(err, HF_ENOMEM, "backend %s: out of memory", name);
    be->n_threads = n_threads > 0 ? n_threads : usable_processors();
    omp_set_num_threads(be->n_threads);
    int rc = fill(be, name, err);
    if (rc < 0)
        hf_backend_close(&be);
    *out = be;
    return rc;
}

void hf_backend_close(hf_backend **be)
{
    if (!be || !*be)
        return;
    if ((*be)->close)
        (*be)->close(*be);
    free(*be);
    *be = NULL;
}
