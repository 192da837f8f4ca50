/* dino_files.h - the published vision transformers by name, and their weights found and opened.
 *
 * Weights may be a file (.pth, .bin, .safetensors, an index of shards), a folder as transformers writes it, or ORG/NAME in the
 * Hugging Face cache. Without a path, a named model is looked for in that cache, then where torch.hub puts
 * what it downloads ($TORCH_HOME/hub/checkpoints, $XDG_CACHE_HOME/torch/..., ~/.cache/torch/...).
 */
#ifndef HF_SRC_DINO_FILES_H
#define HF_SRC_DINO_FILES_H

#include "src/net/vit_names.h"
#include "src/weights.h"

typedef struct hf_dino_row {
    const char *name;
    const char *repo;  /* of Hugging Face */
    const char *file;  /* of dl.fbaipublicfiles.com, as torch.hub calls it */
    const char *url;   /* of that file */
    int         patch_px, width, n_registers; /* 0 width: any network */
} hf_dino_row;

/* NULL-terminated by name; the last row, "vit", has neither files nor sizes. */
const hf_dino_row *hf_dino_rows(void);
const hf_dino_row *hf_dino_find(const char *name); /* NULL: no such model */

typedef struct hf_dino_files {
    char            path[1024]; /* of the file */
    hf_tensor_file *file;
    hf_weights     *weights;    /* under the names of vit_names.h */
    hf_vit_names    names;
    int             n_heads;    /* from "num_attention_heads" of config.json beside it or of its metadata; 0: not told */
} hf_dino_files;

/*
 * given: a path or ORG/NAME, or NULL: the places above. HF_EMODEL: nothing there (the text says what was looked for and
 * how to get it), or no vision transformer in it. HF_EIO, HF_EFORMAT, HF_EUNSUPPORTED, HF_ENOMEM: as
 * hf_tensor_file_open. After a failure files hold nothing; close accepts that. The struct must stay where it is while open.
 */
int  hf_dino_files_open(hf_dino_files *files, const hf_dino_row *row, const char *given, hf_error *err);
void hf_dino_files_close(hf_dino_files *files);

#endif
