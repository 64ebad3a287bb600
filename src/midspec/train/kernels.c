/* What a decoder layer does between its matrix products, and an update, each in one pass over memory.

   A bf16 is the upper half of a float; all sums are in float. Rows are shared out over the threads of PyTorch's
   OpenMP pool in fixed parts, so that a run gives the same bits every time. Letters are those of llama.py: N rows of
   E features, B rows of T tokens, K keys of G queries each, heads of D. elementwise.py says the same in PyTorch. */

#include <stdint.h>
#include <string.h>

typedef uint16_t bf16;

static inline float wide(bf16 x) {
    uint32_t bits = (uint32_t)x << 16;
    float y;
    memcpy(&y, &bits, 4);
    return y;
}

static inline bf16 narrow(float x) { /* to the nearest, ties to even */
    uint32_t bits;
    memcpy(&bits, &x, 4);
    return (bf16)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

/* e^x to 2e-7, for x of at most 87: 2 to the power of a whole number by its bits, the rest by a polynomial. */
static inline float exponential(float x) {
    x = x < -87.0f ? -87.0f : x;
    float whole = __builtin_rintf(x * 1.44269504f);
    float r = x - whole * 0.693359375f + whole * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    uint32_t bits = (uint32_t)((int32_t)whole + 127) << 23;
    float power;
    memcpy(&power, &bits, 4);
    return p * power;
}

static inline float sigmoid(float x) {
    x = x < -87.0f ? -87.0f : x;
    return 1.0f / (1.0f + exponential(-x));
}

/* out = x / RMS(x) · weight, scale = 1 / RMS(x) of each row. */
void norm_forward(const bf16 *x, const bf16 *weight, bf16 *out, float *scale, long N, long E, long x_stride,
                  long out_stride, float epsilon) {
#pragma omp parallel for schedule(static)
    for (long n = 0; n < N; n++) {
        const bf16 *row = x + n * x_stride;
        bf16 *to = out + n * out_stride;
        float sum = 0;
#pragma omp simd reduction(+ : sum)
        for (long e = 0; e < E; e++) sum += wide(row[e]) * wide(row[e]);
        float s = 1.0f / __builtin_sqrtf(sum / E + epsilon);
        scale[n] = s;
#pragma omp simd
        for (long e = 0; e < E; e++) to[e] = narrow(wide(narrow(wide(row[e]) * s)) * wide(weight[e]));
    }
}

/* The gradient of a norm's input, with what else flows into it (`also`) added. */
void norm_backward(const bf16 *g, const bf16 *x, const float *scale, const bf16 *weight, const bf16 *also, bf16 *out,
                   long N, long E, long g_stride, long x_stride, long also_stride) {
#pragma omp parallel for schedule(static)
    for (long n = 0; n < N; n++) {
        const bf16 *up = g + n * g_stride, *row = x + n * x_stride, *more = also + n * also_stride;
        bf16 *to = out + n * E;
        float s = scale[n], along = 0;
#pragma omp simd reduction(+ : along)
        for (long e = 0; e < E; e++) along += wide(up[e]) * wide(weight[e]) * wide(row[e]);
        along *= s * s / E;
#pragma omp simd
        for (long e = 0; e < E; e++)
            to[e] = narrow((wide(up[e]) * wide(weight[e]) - wide(row[e]) * along) * s + wide(more[e]));
    }
}

/* out = silu(gate) · up, of gate and up side by side. */
void gate_forward(const bf16 *both, bf16 *out, long N, long M, long out_stride) {
#pragma omp parallel for schedule(static)
    for (long n = 0; n < N; n++) {
        const bf16 *gate = both + 2 * n * M, *up = gate + M;
        bf16 *to = out + n * out_stride;
#pragma omp simd
        for (long m = 0; m < M; m++) {
            float x = wide(gate[m]);
            to[m] = narrow(x * sigmoid(x) * wide(up[m]));
        }
    }
}

/* The gradients of gate and up side by side. */
void gate_backward(const bf16 *g, const bf16 *both, bf16 *out, long N, long M, long g_stride) {
#pragma omp parallel for schedule(static)
    for (long n = 0; n < N; n++) {
        const bf16 *gate = both + 2 * n * M, *up = gate + M, *from = g + n * g_stride;
        bf16 *g_gate = out + 2 * n * M, *g_up = g_gate + M;
#pragma omp simd
        for (long m = 0; m < M; m++) {
            float x = wide(gate[m]), s = sigmoid(x), y = wide(from[m]);
            g_up[m] = narrow(y * x * s);
            g_gate[m] = narrow(y * wide(up[m]) * s * (1.0f + x * (1.0f - s)));
        }
    }
}

/* One head turned by rotary positions; `way` −1 turns it back. */
static inline void turn(const bf16 *from, bf16 *to, const float *cos, const float *sin, long D, float way,
                        float scaling) {
    long half = D / 2;
#pragma omp simd
    for (long d = 0; d < half; d++) {
        float a = wide(from[d]) * scaling, b = wide(from[d + half]) * scaling, c = cos[d], s = way * sin[d];
        to[d] = narrow(a * c - b * s);
        to[d + half] = narrow(b * c + a * s);
    }
}

/* Rows of heads (N, (K·G + 2K)·D) as turned queries (B·K, G·T, D), turned keys and values (B·K, T, D). */
void heads_forward(const bf16 *rows, bf16 *q, bf16 *k, bf16 *v, const float *cos, const float *sin, long B, long T,
                   long K, long G, long D) {
    long width = (K * G + 2 * K) * D;
#pragma omp parallel for schedule(static)
    for (long n = 0; n < B * T; n++) {
        long b = n / T, t = n % T;
        const bf16 *row = rows + n * width;
        const float *c = cos + t * D, *s = sin + t * D;
        for (long j = 0; j < K; j++) {
            for (long i = 0; i < G; i++)
                turn(row + (j * G + i) * D, q + (((b * K + j) * G + i) * T + t) * D, c, s, D, 1, 1);
            turn(row + (K * G + j) * D, k + ((b * K + j) * T + t) * D, c, s, D, 1, 1);
            memcpy(v + ((b * K + j) * T + t) * D, row + (K * G + K + j) * D, D * sizeof(bf16));
        }
    }
}

/* The other way for their gradients: turned back, with the scores' scaling. */
void heads_backward(const bf16 *q, const bf16 *k, const bf16 *v, bf16 *rows, const float *cos, const float *sin,
                    long B, long T, long K, long G, long D, float scaling) {
    long width = (K * G + 2 * K) * D;
#pragma omp parallel for schedule(static)
    for (long n = 0; n < B * T; n++) {
        long b = n / T, t = n % T;
        bf16 *row = rows + n * width;
        const float *c = cos + t * D, *s = sin + t * D;
        for (long j = 0; j < K; j++) {
            for (long i = 0; i < G; i++)
                turn(q + (((b * K + j) * G + i) * T + t) * D, row + (j * G + i) * D, c, s, D, -1, scaling);
            turn(k + ((b * K + j) * T + t) * D, row + (K * G + j) * D, c, s, D, -1, scaling);
            memcpy(row + (K * G + K + j) * D, v + ((b * K + j) * T + t) * D, D * sizeof(bf16));
        }
    }
}

/* (B·K, G·T, D) as rows (N, K·G·D), or back. */
void regroup(bf16 *grouped, bf16 *rows, long B, long T, long K, long G, long D, long stride, long to_rows) {
#pragma omp parallel for schedule(static)
    for (long n = 0; n < B * T; n++) {
        long b = n / T, t = n % T;
        for (long h = 0; h < K * G; h++) {
            bf16 *one = grouped + ((b * K * G + h) * T + t) * D, *other = rows + n * stride + h * D;
            memcpy(to_rows ? other : one, to_rows ? one : other, D * sizeof(bf16));
        }
    }
}

/* Scores (R, T) to weights in place: row r is of the query at r % T, which sees no later key. */
void softmax_forward(bf16 *scores, long R, long T, float scaling) {
#pragma omp parallel for schedule(static)
    for (long r = 0; r < R; r++) {
        bf16 *row = scores + r * T;
        long seen = r % T + 1;
        float most = -3e38f, sum = 0;
        float own[T];
#pragma omp simd reduction(max : most)
        for (long t = 0; t < seen; t++) {
            own[t] = wide(row[t]) * scaling;
            most = own[t] > most ? own[t] : most;
        }
#pragma omp simd reduction(+ : sum)
        for (long t = 0; t < seen; t++) {
            own[t] = exponential(own[t] - most);
            sum += own[t];
        }
        sum = 1.0f / sum;
#pragma omp simd
        for (long t = 0; t < seen; t++) row[t] = narrow(own[t] * sum);
        memset(row + seen, 0, (T - seen) * sizeof(bf16));
    }
}

/* The gradients of weights to those of scores, in place. */
void softmax_backward(bf16 *g, const bf16 *weights, long R, long T) {
#pragma omp parallel for schedule(static)
    for (long r = 0; r < R; r++) {
        bf16 *row = g + r * T;
        const bf16 *w = weights + r * T;
        long seen = r % T + 1;
        float along = 0;
#pragma omp simd reduction(+ : along)
        for (long t = 0; t < seen; t++) along += wide(row[t]) * wide(w[t]);
#pragma omp simd
        for (long t = 0; t < seen; t++) row[t] = narrow((wide(row[t]) - along) * wide(w[t]));
        memset(row + seen, 0, (T - seen) * sizeof(bf16));
    }
}

/* Logits (N, V) to their gradient in place: chances, less 1 at the label. Loss of each row in `loss`. */
void cross_entropy(bf16 *logits, const int64_t *labels, float *loss, long N, long V) {
#pragma omp parallel for schedule(static)
    for (long n = 0; n < N; n++) {
        bf16 *row = logits + n * V;
        float most = -3e38f, sum = 0, own = wide(row[labels[n]]);
#pragma omp simd reduction(max : most)
        for (long v = 0; v < V; v++) most = wide(row[v]) > most ? wide(row[v]) : most;
#pragma omp simd reduction(+ : sum)
        for (long v = 0; v < V; v++) sum += exponential(wide(row[v]) - most);
        loss[n] = __builtin_logf(sum) - (own - most);
        sum = 1.0f / sum;
#pragma omp simd
        for (long v = 0; v < V; v++) row[v] = narrow(exponential(wide(row[v]) - most) * sum);
        row[labels[n]] = narrow(exponential(own - most) * sum - 1.0f);
    }
}

/* One trained table of a model: float masters and moments of `rows` times `columns`, dense; its gradient and the
   weights that compute in bf16, whose rows lie so many numbers apart. */
typedef struct {
    float *master, *mean, *square;
    const bf16 *gradient;
    bf16 *weight;
    long rows, columns, gradient_stride, weight_stride;
} Trained;

/* The sum of squares of each table's gradient. */
void square_sums(const Trained *tables, double *sums, long count) {
#pragma omp parallel for schedule(static)
    for (long i = 0; i < count; i++) {
        Trained t = tables[i];
        double sum = 0;
        for (long r = 0; r < t.rows; r++) {
            const bf16 *g = t.gradient + r * t.gradient_stride;
            float own = 0;
#pragma omp simd reduction(+ : own)
            for (long c = 0; c < t.columns; c++) own += wide(g[c]) * wide(g[c]);
            sum += own;
        }
        sums[i] = sum;
    }
}

/* AdamW with decoupled decay: gradients times `clip`, masters and moments updated, masters rounded into the weights.
   `rate` has the first moment's correction in it, `root` is one over the root of the second's. */
void adamw(const Trained *tables, long count, float clip, float keep, float rate, float beta1, float beta2, float root,
           float epsilon) {
#pragma omp parallel for schedule(static)
    for (long i = 0; i < count; i++) {
        Trained t = tables[i];
        for (long r = 0; r < t.rows; r++) {
            const bf16 *gradient = t.gradient + r * t.gradient_stride;
            bf16 *weight = t.weight + r * t.weight_stride;
            float *master = t.master + r * t.columns, *mean = t.mean + r * t.columns, *square = t.square + r * t.columns;
#pragma omp simd
            for (long c = 0; c < t.columns; c++) {
                float g = wide(gradient[c]) * clip;
                mean[c] += (1.0f - beta1) * (g - mean[c]);
                square[c] = beta2 * square[c] + (1.0f - beta2) * g * g;
                master[c] = keep * master[c] - rate * mean[c] / (__builtin_sqrtf(square[c]) * root + epsilon);
                weight[c] = narrow(master[c]);
            }
        }
    }
}
