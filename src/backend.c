/* backend.c - the list of backends, opened by name. */
#include "src/backend.h"

#include <omp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "propagate/fill_ops.h"

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
    static const char *names[N_BACKENDS + 1];
    for (size_t i = 0; i < N_BACKENDS; i++)
        names[i] = backends[i].name;
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

int hf_backend_open(hf_backend **out, const char *name, int n_threads, hf_error *err)
{
    *out = NULL;
    for (size_t i = 0; i < N_BACKENDS; i++) {
        if (strcmp(name, backends[i].name) != 0)
            continue;
        hf_backend *be = calloc(1, sizeof(*be));
        if (!be)
            return hf_fail(err, HF_ENOMEM, "backend %s: out of memory", name);
        be->name = backends[i].name;
        be->n_threads = n_threads > 0 ? n_threads : usable_processors();
        omp_set_num_threads(be->n_threads);
        int rc = backends[i].fill(be, err);
        if (rc < 0) {
            hf_backend_close(&be);
            return rc;
        }
        backends[i].fill_propagation(be);
        *out = be;
        return HF_OK;
    }
    return hf_fail(err, HF_EARG, "backend \"%s\" is not known, want ref or cpu", name);
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
