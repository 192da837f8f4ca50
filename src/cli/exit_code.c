/* exit_code.c - see exit_code.h. */
#include "src/cli/exit_code.h"

hf_stage hf_stage_of_opening(hf_status status)
{
    return status == HF_EIO || status == HF_EFORMAT ? HF_STAGE_INPUT : HF_STAGE_USAGE;
}

int hf_exit_code(hf_status status, hf_stage stage)
{
    switch (status) {
    case HF_OK:
    case HF_EOF:
        return 0;
    case HF_EARG:
        return stage == HF_STAGE_INPUT ? 3 : 2;
    case HF_ENOMEM:
        return 5;
    case HF_EIO:
    case HF_EFORMAT:
        return stage == HF_STAGE_INPUT ? 3 : 1;
    case HF_EMODEL:
        return 4;
    case HF_EDEVICE:
        return 1;
    case HF_EUNSUPPORTED:
        return stage == HF_STAGE_INPUT ? 3 : stage == HF_STAGE_WORK ? 1 : 2;
    case HF_EINTERRUPTED:
        return 130;
    }
    return 1;
}
