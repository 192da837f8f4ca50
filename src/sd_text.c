/* sd_text.c - see sd_text.h. */
#include "src/sd_text.h"

#include <stdlib.h>
#include <string.h>

#include "src/net/clip_text.h"
#include "src/net/clip_tokens.h"

struct hf_sd_text {
    hf_backend        *be;
    const hf_sd_files *files;
    hf_clip_text      *encoder;
    hf_clip_tokens    *tokens; /* NULL: only the empty prompt */
    int32_t           *ids;
};

int hf_sd_text_open(hf_sd_text **out, hf_backend *be, const hf_sd_files *f, hf_dtype arithmetic, hf_error *err)
{
    hf_sd_text *t = calloc(1, sizeof(*t));
    int rc;

    *out = NULL;
    if (!t)
        return hf_fail(err, HF_ENOMEM, "text: out of memory");
    t->be = be, t->files = f;
    if (!(t->ids = malloc((size_t)f->text.n_positions * sizeof(*t->ids)))) {
        rc = hf_fail(err, HF_ENOMEM, "text: out of memory");
        goto end;
    }
    if (f->tokenizer[0] && (rc = hf_clip_tokens_open(&t->tokens, f->tokenizer, err)) < 0)
        goto end;
    if ((rc = hf_clip_text_open(&t->encoder, be, f->part[HF_SD_TEXT].weights, &f->text, arithmetic, err)) < 0)
        goto end;
    *out = t;
    t = NULL;
end:
    hf_sd_text_close(&t);
    return rc;
}

void hf_sd_text_close(hf_sd_text **text)
{
    if (!text || !*text)
        return;
    hf_clip_text_close(&(*text)->encoder);
    hf_clip_tokens_close(&(*text)->tokens);
    free((*text)->ids);
    free(*text);
    *text = NULL;
}

/* A text without words, in any vocabulary: begin and end are its last two tokens. */
static void fill_empty(int32_t *ids, const hf_clip_text_config *c, hf_clip_pad pad)
{
    for (int i = 0; i < c->n_positions; i++)
        ids[i] = pad == HF_CLIP_PAD_BANG ? 0 : c->n_tokens - 1;
    ids[0] = c->n_tokens - 2;
    ids[1] = c->n_tokens - 1;
}

int hf_sd_text_embed(hf_sd_text *t, hf_tensor *out, const char *prompt, hf_error *err)
{
    const hf_clip_text_config *c = &t->files->text;
    hf_clip_pad pad = t->files->family == HF_SD_2 ? HF_CLIP_PAD_BANG : HF_CLIP_PAD_END;
    int rc;

    *out = hf_tensor_view(NULL, HF_F32, 2, c->n_positions, c->width);
    if (!prompt[0])
        fill_empty(t->ids, c, pad);
    else if ((rc = hf_clip_tokens_encode(t->tokens, t->ids, c->n_positions, NULL, pad, prompt, strlen(prompt), err)) < 0)
        return rc;
    if (!(out->data = t->be->ops.alloc(t->be, hf_tensor_bytes(out))))
        return hf_fail(err, HF_ENOMEM, "text: no memory for the embedding");
    hf_tensor batch = hf_tensor_view(out->data, HF_F32, 3, 1, c->n_positions, c->width);
    if ((rc = hf_clip_text_run(t->encoder, &batch, t->ids, err)) < 0) {
        t->be->ops.free(t->be, out->data);
        out->data = NULL;
    }
    return rc;
}
