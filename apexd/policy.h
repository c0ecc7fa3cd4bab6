// SPDX-License-Identifier: MIT
//
// Advice on NUMA: what is worth telling about the placement of one process, and whether acting
// mode may do it. The catalogue is policy.def. Pure: pictures and a time in, advice out; no I/O, no
// clock, no memory. One thread.
//
// To do nothing is the default. What acting mode does must have been right in POLICY_SAMPLES
// pictures over POLICY_STEADY_NS, changes at most once in POLICY_CHANGE_NS, is held against what
// was measured before, and is taken back when that has not become better.

#ifndef APEXD_POLICY_H
#define APEXD_POLICY_H

#include "apexd/picture.h"
#include "apexd/topology.h"
#include "libapex/abi/advice_page.h"

#include <stdbool.h>
#include <stdint.h>

#define POLICY_SAMPLES 3
#define POLICY_STEADY_NS UINT64_C(30000000000)
#define POLICY_CHANGE_NS UINT64_C(30000000000)
#define POLICY_STALE_NS UINT64_C(120000000000)  // older pictures say nothing any more
#define POLICY_BACKOFF_NS UINT64_C(600000000000) // before what did not help is tried again
#define POLICY_AGE_MIN_NS UINT64_C(60000000000)
#define POLICY_RSS_MIN (UINT64_C(256) << 20)
#define POLICY_BYTES_MIN (UINT64_C(16) << 20) // less out of place is not worth a word
#define POLICY_LARGE_MIN (UINT64_C(64) << 20)
#define POLICY_SPREAD_MIN (UINT64_C(8) << 20)
#define POLICY_PAGES_MIN 64u // looked at; fewer tell nothing
#define POLICY_GAIN_PERMILLE 50u

#define POLICY_WHY_BYTES 320
#define POLICY_SNIPPET_BYTES 384
#define POLICY_EVIDENCE_MAX 6
#define POLICY_CHANGES_MAX 2
#define POLICY_NO_NODE UINT32_MAX

enum policy_kind {
#define POLICY(kind, role, measure, confidence, what, expected, revert) POLICY_##kind,
#include "apexd/policy.def"
    POLICY_KIND_COUNT
};

enum policy_role {
    POLICY_ROLE_SMELL,
    POLICY_ROLE_MOVE,
    POLICY_ROLE_ASK,
    POLICY_ROLE_WAIT,
    POLICY_ROLE_HOLD,
    POLICY_ROLE_HIDE,
};

enum policy_measure {
    POLICY_MEASURE_NONE,
    POLICY_MEASURE_NODE,    // pages found on the node that the advice names
    POLICY_MEASURE_HOME,    // pages at home
    POLICY_MEASURE_BALANCE, // pages that are not on the fullest node
};

// What became of advice, for the metrics.
#define POLICY_OUTCOMES(OUTCOME)  \
    OUTCOME(ISSUED, "issued")     \
    OUTCOME(APPLIED, "applied")   \
    OUTCOME(REJECTED, "rejected") \
    OUTCOME(REVERTED, "reverted")

enum policy_outcome {
#define POLICY_OUTCOME_ENUM(name, word) POLICY_OUTCOME_##name,
    POLICY_OUTCOMES(POLICY_OUTCOME_ENUM)
#undef POLICY_OUTCOME_ENUM
        POLICY_OUTCOME_COUNT
};

enum policy_confidence { POLICY_LOW, POLICY_MEDIUM, POLICY_HIGH };

struct policy_row {
    const char *word; // its name
    enum policy_role role;
    enum policy_measure measure;
    enum policy_confidence confidence;
    const char *what;
    const char *expected;
    const char *revert;
};

struct policy_evidence {
    const char *name; // with its unit
    uint64_t value;
};

struct policy_change {
    const char *key; // of an option of libapex
    uint64_t value;
};

struct policy_advice {
    enum policy_kind kind;
    enum policy_confidence confidence;
    uint32_t node; // the target, as the kernel numbers it, or POLICY_NO_NODE
    char why[POLICY_WHY_BYTES];
    char snippet[POLICY_SNIPPET_BYTES]; // what to do where apexd cannot; or empty
    unsigned evidence_count;
    struct policy_evidence evidence[POLICY_EVIDENCE_MAX];
    unsigned change_count; // 0: nothing can be done from here
    struct policy_change change[POLICY_CHANGES_MAX];
    bool rehome; // have memory that is not at home given back or moved
    unsigned weight_count;
    struct apex_advice_weight weight[APEX_ADVICE_WEIGHTS_MAX];
    // By policy_look:
    unsigned seen;              // pictures in a row that showed it
    uint64_t steady_ns;         // for how long
    bool steady;                // long enough for acting mode
    enum policy_kind held_by;   // why nobody is to do it; POLICY_KIND_COUNT: nothing
    bool waits;                 // acting mode is to wait
};

struct policy_list {
    unsigned count;
    struct policy_advice advice[POLICY_KIND_COUNT]; // each kind once at most, in its order
};

struct policy_input {
    const struct topology *topology;
    const struct picture_host *host;
    const struct picture *picture;
    bool own_options; // the program chose options for NUMA itself
};

// What has been done for a process, and how it went.
struct policy_force {
    bool on;
    bool by_user; // a person did it, who alone takes it back
    bool proven;  // it has become better
    enum policy_kind kind;
    uint32_t node;
    uint64_t since_ns;
    unsigned looks;  // pictures with pages since then
    unsigned before; // the measure when it was done, in thousandths
    unsigned now;    // and in the last picture
};

struct policy_track {
    unsigned seen;
    uint32_t node;
    uint64_t since_ns;
};

// What is remembered of one process. All zeros at first.
struct policy_state {
    uint64_t picture_ns; // of the last picture; 0: there was none
    uint64_t pages_ns;   // of the last one that had enough pages
    struct {
        uint64_t sampled;
        uint64_t at_home;
        uint64_t found;
    } pages[TOPOLOGY_NODES_MAX];
    struct policy_track track[POLICY_KIND_COUNT];
    uint64_t not_before_ns[POLICY_KIND_COUNT]; // after it did not help
    uint64_t changed_ns;                       // 0: never
    struct policy_force force;
};

enum policy_verdict { POLICY_NOTHING, POLICY_APPLY, POLICY_ROLL_BACK, POLICY_STAND_DOWN };

const struct policy_row *policy_row(enum policy_kind kind);

// The kind of that name; POLICY_KIND_COUNT when there is none.
enum policy_kind policy_find(const char *word);

const char *policy_confidence_word(enum policy_confidence confidence);

// What one picture says, without a memory. Nodes that are named exist and are allowed.
void policy_judge(const struct policy_input *in, struct policy_list *out);

// The same, with what the pictures before said. A picture counts once, by taken_ns: it may be
// looked at as often as one likes. An old one is judged `unmeasured`.
void policy_look(struct policy_state *state, const struct policy_input *in, uint64_t now_ns,
                 struct policy_list *out);

// Whether options can be changed for it, now.
bool policy_can_apply(const struct policy_advice *advice);

// What acting mode is to do now. POLICY_APPLY: `*index` in the list. Changes nothing: who does it
// tells so by the next two.
enum policy_verdict policy_decide(const struct policy_state *state,
                                  const struct policy_input *in, const struct policy_list *list,
                                  uint64_t now_ns, unsigned *index);

// The advice is in force from now on, in the place of what was.
void policy_applied(struct policy_state *state, const struct policy_input *in,
                    const struct policy_advice *advice, bool by_user, uint64_t now_ns);

// Nothing is in force any more. `failed`: it did not help, so it is left for POLICY_BACKOFF_NS.
void policy_reverted(struct policy_state *state, bool failed, uint64_t now_ns);

// The measure of a kind in thousandths. False when too few pages were looked at, or it has none.
bool policy_measure(enum policy_kind kind, uint32_t node, const struct policy_input *in,
                    unsigned *permille);

#endif
