/* settings.h - the options and input files of a run as JSON: for the sidecar and for --resume. */
#ifndef HF_SRC_CLI_SETTINGS_H
#define HF_SRC_CLI_SETTINGS_H

#include <jansson.h>
#include "src/cli/options.h"

/* Text as a JSON string. File names may be any bytes, JSON is UTF-8: where they are not, bytes above
 * 0x7f become '?'. A new reference, NULL only without memory. */
json_t *hf_json_text(const char *text);

/* Every option that changes the result, by name, as text; key frames as lists of [frame, path]. A new reference. */
json_t *hf_settings_json(const hf_options *options);

/* What identifies the files a run reads: {"path", "bytes", "modified"} of the input and each drawing. A new reference. */
json_t *hf_settings_files_json(const hf_options *options);

/* The name of the first member that differs between two objects, or NULL. Points into a or b. */
const char *hf_settings_difference(const json_t *a, const json_t *b);

#endif
