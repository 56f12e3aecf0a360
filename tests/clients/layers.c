/* Layers as a training program in C has them: results go into arrays of the caller, and gradients are added to them.
   Compiled with -DINTO="=", the gradients by layer normalisation's input and by the weight of the product overwrite. */

#include <math.h>

#ifndef INTO
#define INTO +=
#endif

void layernorm_forward(float *out, float *mean, float *rstd, const float *x, const float *w, const float *b, int t,
                       int c) {
    for (int i = 0; i < t; i++) {
        const float *row = x + i * c;
        float m = 0, v = 0;
        for (int j = 0; j < c; j++) m += row[j];
        m /= c;
        for (int j = 0; j < c; j++) v += (row[j] - m) * (row[j] - m);
        float s = 1 / sqrtf(v / c + 1e-5f);
        for (int j = 0; j < c; j++) out[i * c + j] = (row[j] - m) * s * w[j] + b[j];
        mean[i] = m;
        rstd[i] = s;
    }
}

void layernorm_backward(float *dx, float *dw, float *db, const float *dout, const float *x, const float *w,
                        const float *mean, const float *rstd, int t, int c) {
    for (int i = 0; i < t; i++) {
        const float *d = dout + i * c, *row = x + i * c;
        float g = 0, gh = 0;
        for (int j = 0; j < c; j++) {
            g += d[j] * w[j];
            gh += d[j] * w[j] * (row[j] - mean[i]) * rstd[i];
        }
        for (int j = 0; j < c; j++) {
            float h = (row[j] - mean[i]) * rstd[i];
            db[j] += d[j];
            dw[j] += d[j] * h;
            dx[i * c + j] INTO (d[j] * w[j] - g / c - h * gh / c) * rstd[i];
        }
    }
}

void matmul_forward(float *out, const float *x, const float *w, const float *b, int t, int c, int k) {
    for (int i = 0; i < t; i++)
        for (int o = 0; o < k; o++) {
            float sum = b[o];
            for (int j = 0; j < c; j++) sum += x[i * c + j] * w[o * c + j];
            out[i * k + o] = sum;
        }
}

void matmul_backward(float *dx, float *dw, float *db, const float *dout, const float *x, const float *w, int t, int c,
                     int k) {
    for (int i = 0; i < t; i++)
        for (int o = 0; o < k; o++) {
            float d = dout[i * k + o];
            db[o] += d;
            for (int j = 0; j < c; j++) {
                dx[i * c + j] += w[o * c + j] * d;
                dw[o * c + j] INTO x[i * c + j] * d;
            }
        }
}

/* The rows of qkv are query, key and value, each of `heads` parts of `size`. */
void attention_forward(float *out, float *att, const float *qkv, int t, int heads, int size) {
    int c = heads * size;
    float scale = 1 / sqrtf(size);
    for (int h = 0; h < heads; h++)
        for (int i = 0; i < t; i++) {
            float *a = att + (h * t + i) * t, highest = -INFINITY, sum = 0;
            const float *q = qkv + i * 3 * c + h * size;
            for (int j = 0; j < t; j++) a[j] = 0;
            for (int j = 0; j <= i; j++) {
                for (int s = 0; s < size; s++) a[j] += q[s] * qkv[j * 3 * c + c + h * size + s] * scale;
                if (a[j] > highest) highest = a[j];
            }
            for (int j = 0; j <= i; j++) sum += a[j] = expf(a[j] - highest);
            for (int j = 0; j <= i; j++) a[j] /= sum;
            for (int s = 0; s < size; s++) {
                float mixed = 0;
                for (int j = 0; j <= i; j++) mixed += a[j] * qkv[j * 3 * c + 2 * c + h * size + s];
                out[i * c + h * size + s] = mixed;
            }
        }
}

void attention_backward(float *dqkv, float *datt, const float *dout, const float *qkv, const float *att, int t,
                        int heads, int size) {
    int c = heads * size;
    float scale = 1 / sqrtf(size);
    for (int h = 0; h < heads; h++)
        for (int i = 0; i < t; i++) {
            const float *a = att + (h * t + i) * t, *d = dout + i * c + h * size;
            float *da = datt + (h * t + i) * t, mean = 0;
            for (int j = 0; j <= i; j++)
                for (int s = 0; s < size; s++) {
                    da[j] += d[s] * qkv[j * 3 * c + 2 * c + h * size + s];
                    dqkv[j * 3 * c + 2 * c + h * size + s] += d[s] * a[j];
                }
            for (int j = 0; j <= i; j++) mean += a[j] * da[j];
            for (int j = 0; j <= i; j++) {
                float dscore = a[j] * (da[j] - mean) * scale;
                for (int s = 0; s < size; s++) {
                    dqkv[i * 3 * c + h * size + s] += dscore * qkv[j * 3 * c + c + h * size + s];
                    dqkv[j * 3 * c + c + h * size + s] += dscore * qkv[i * 3 * c + h * size + s];
                }
            }
        }
}

void labels_forward(float *loss, const float *log_p, const int *labels, int t, int c) {
    for (int i = 0; i < t; i++) loss[i] = -log_p[i * c + labels[i]];
}

void twice_and_one_more(float *y, const float *x, int n) {
    for (int i = 0; i <= n; i++) y[i] = 2 * x[i];
}

void twice_by_fours(float *y, const float *x, int n) {
    for (int i = 0; i < n / 4 * 4; i++) y[i] = 2 * x[i];
}

void sum_and_one_more(float *y, const float *x, int n) {
    *y = 0;
    for (int i = 0; i <= n; i++) *y += x[i];
}
