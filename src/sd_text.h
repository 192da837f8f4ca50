/* sd_text.h - a prompt to the text embedding of a Stable Diffusion model. */
#ifndef HF_SRC_SD_TEXT_H
#define HF_SRC_SD_TEXT_H

#include "src/backend.h"
#include "src/sd_files.h"

typedef struct hf_sd_text hf_sd_text;

/* Load tokeniser and text encoder. files are borrowed until close. HF_EMODEL and so on as hf_clip_text_open, hf_clip_tokens_open. */
int  hf_sd_text_open(hf_sd_text **out, hf_backend *be, const hf_sd_files *files, hf_dtype arithmetic, hf_error *err);
void hf_sd_text_close(hf_sd_text **text);

/* out: f32 [n_positions,width] in backend memory, made here; be->ops.free(out->data) by the caller. HF_EARG: words in the
 * prompt, and no vocabulary among the files. */
int hf_sd_text_embed(hf_sd_text *text, hf_tensor *out, const char *prompt, hf_error *err);

#endif
