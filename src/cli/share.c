/* share.c - see share.h. */
#include "src/cli/share.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct job {
    double cost;
    int    number;
} job;

int hf_share_parse(int *part, int *n_parts, const char *text, const char *name, hf_error *err)
{
    char rest;

    if (sscanf(text, "%d/%d%c", part, n_parts, &rest) != 2 || *part < 1 || *n_parts < *part ||
        *n_parts > HF_SHARE_MAX_PARTS)
        return hf_fail(err, HF_EARG, "%s: \"%s\" is not a part, want K/N such as 2/8, K from 1 to N", name, text);
    return HF_OK;
}

static int dearest_first(const void *a, const void *b)
{
    const job *x = a, *y = b;

    if (x->cost != y->cost)
        return x->cost > y->cost ? -1 : 1;
    return x->number - y->number;
}

int hf_share_order(int *order, const double *cost, int n, hf_error *err)
{
    job *jobs = malloc((size_t)(n + 1) * sizeof(*jobs));

    if (!jobs)
        return hf_fail(err, HF_ENOMEM, "%d runs: out of memory", n);
    for (int i = 0; i < n; i++)
        jobs[i] = (job){ cost[i], i };
    qsort(jobs, (size_t)n, sizeof(*jobs), dearest_first);
    for (int i = 0; i < n; i++)
        order[i] = jobs[i].number;
    free(jobs);
    return HF_OK;
}

int hf_share_out(int *part_of, const double *cost, int n, int n_parts, hf_error *err)
{
    double *load = calloc((size_t)n_parts, sizeof(*load));
    int *order = malloc((size_t)(n + 1) * sizeof(*order));
    int rc;

    if (!load || !order) {
        rc = hf_fail(err, HF_ENOMEM, "%d runs in %d parts: out of memory", n, n_parts);
        goto end;
    }
    if ((rc = hf_share_order(order, cost, n, err)) < 0)
        goto end;
    for (int i = 0; i < n; i++) {
        int least = 0;
        for (int k = 1; k < n_parts; k++)
            if (load[k] < load[least])
                least = k;
        load[least] += cost[order[i]];
        part_of[order[i]] = least + 1;
    }
end:
    free(order);
    free(load);
    return rc;
}
