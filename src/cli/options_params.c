/* options_params.c - see options_params.h. */
#include "src/cli/options_params.h"

void hf_options_model(hf_model_params *params, const hf_options *o)
{
    *params = (hf_model_params){
        .name = o->model,
        .weights = o->weights,
        .precision = (hf_precision)o->precision,
        .layer = o->layer,
        .all_layers = o->all_layers,
        .aggregation = o->aggregation,
        .facet = (hf_facet)o->facet,
        .stride = o->stride,
        .bins = o->bins,
        .encoder = o->encoder,
        .diffusion = (hf_diffusion_way)o->diffusion,
        .output = (hf_network_output)o->output,
        .fit = (hf_picture_fit)o->fit,
        .square_px = o->square_px,
        .n_steps = o->n_steps,
        .n_run = o->n_run,
        .save_steps = o->save_steps,
        .prompt = o->prompt,
        .negative_prompt = o->negative_prompt,
        .guidance = (float)o->guidance,
        .seed = o->seed,
        .timestep = o->timestep,
        .up_block = o->up_block,
        .n_ensemble = o->n_ensemble,
    };
}

void hf_options_session(hf_session_params *params, const hf_options *o, int width, int height)
{
    static const int refine[] = { [HF_SWITCH_AUTO] = 0, [HF_SWITCH_ON] = 1, [HF_SWITCH_OFF] = -1 };

    *params = (hf_session_params){
        .width = width,
        .height = height,
        .device = o->device,
        .n_threads = o->n_threads,
        .size = o->size,
        .match = o->flow ? HF_MATCH_GIVEN : (hf_match_mode)o->match,
        .flow_way = (hf_flow_way)o->flow_way,
        .n_recent = o->n_recent,
        .k = o->k,
        .radius_cells = o->radius_cells,
        .temperature = (float)o->temperature,
        .refine = refine[o->refine],
        .grow_px = o->grow_px,
        .matte_contrast = (float)o->matte_contrast,
        .feather_px = (float)o->feather_px,
        .despeckle_px = o->despeckle_px,
        .fill_holes_px = o->fill_holes_px,
        .batch = o->batch ? o->batch : HF_BATCH_AUTO,
    };
    hf_options_model(&params->model, o);
}
