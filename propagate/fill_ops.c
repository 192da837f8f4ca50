/* fill_ops.c - the entries of the backends' tables that belong to propagation. */
#include "propagate/fill_ops.h"

#include "propagate/context_ops.h"
#include "propagate/first_ops.h"
#include "propagate/match_context.h"
#include "propagate/match_dense.h"
#include "propagate/match_stay.h"
#include "propagate/outside_ops.h"
#include "propagate/splat.h"

void hf_ref_fill_propagation(hf_backend *be)
{
    be->ops.first = &hf_host_first_ops;
    be->ops.context = &hf_host_context_ops;
    be->ops.outside = &hf_host_outside_ops;
    be->ops.match_context = hf_ref_match_context;
    be->ops.match_dense_scratch_bytes = hf_ref_match_dense_scratch_bytes;
    be->ops.match_dense = hf_ref_match_dense;
    be->ops.match_stay = hf_ref_match_stay;
    be->ops.splat = hf_ref_splat;
}

void hf_cpu_fill_propagation(hf_backend *be)
{
    hf_ref_fill_propagation(be);
    be->ops.match_context = hf_cpu_match_context;
    be->ops.match_dense_scratch_bytes = hf_cpu_match_dense_scratch_bytes;
    be->ops.match_dense = hf_cpu_match_dense;
    be->ops.match_stay = hf_cpu_match_stay;
    be->ops.splat = hf_cpu_splat;
}
