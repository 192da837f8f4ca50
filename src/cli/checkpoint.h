/* checkpoint.h - what an interrupted run leaves for --resume, beside its output.
 *
 *   BASE.resume  JSON: version, settings, files, the next frame
 *   BASE.state   hf_session_save of the followed key, if there is one
 */
#ifndef HF_SRC_CLI_CHECKPOINT_H
#define HF_SRC_CLI_CHECKPOINT_H

#include <stdint.h>
#include "src/hfprop.h"
#include "src/cli/options.h"

typedef struct hf_checkpoint {
    int64_t next_frame; /* first that is not written yet */
    int     has_state;  /* BASE.state belongs to it */
} hf_checkpoint;

/* session is saved where checkpoint->has_state. Returns HF_EIO, HF_ENOMEM. */
int hf_checkpoint_save(const char *base, const hf_checkpoint *checkpoint, const hf_options *options,
                       const hf_session *session, hf_error *err);

/* HF_EARG if there is none or it belongs to other settings or files (the text names the first difference),
 * HF_EFORMAT if it is broken. */
int hf_checkpoint_load(hf_checkpoint *checkpoint, const char *base, const hf_options *options, hf_error *err);

/* The state of the followed key; what hf_session_load returns. */
int hf_checkpoint_load_state(const char *base, hf_session *session, hf_error *err);

/* Remove both files, after a run that came to its end. */
void hf_checkpoint_remove(const char *base);

#endif
