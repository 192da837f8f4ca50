/* model_classic.c - hyperfeatures in the plain sense, without weights. */
#include "src/model_classic.h"

int hf_model_classic_open(hf_model **out, hf_backend *be, hf_error *err)
{
    (void)be;
    *out = NULL;
    return hf_fail(err, HF_EMODEL, "model classic is not in this build");
}
