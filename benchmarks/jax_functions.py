"""What JAX has to differentiate: its functions, where they are asked for a derivative, and the names that have none.

`ELEMENTWISE`, by module: a name, its other names after `=`, the interval of each argument, and after `|` the same
function in mpmath, of a, b, c, d. An argument `N` is an integer,
`M` an integer as a floating number; neither is moved. `R` are the real numbers, `S` those of moderate size.

`ARRAYS`, by module: an expression that begins with a name of that module, and after `|` its arguments, each with the
kind of its values (see `values`) and its shape.

`EXCLUDED`, by reason and module: the names that have nothing to be tested.
"""

import numpy as np

ELEMENTWISE = {
    "jax.numpy": """
        abs =absolute R | abs(a)
        fabs R | abs(a)
        arccos =acos [-1,1] | acos(a)
        arccosh =acosh [1,inf) | acosh(a)
        arcsin =asin [-1,1] | asin(a)
        arcsinh =asinh R | asinh(a)
        arctan =atan R | atan(a)
        arctanh =atanh (-1,1) | atanh(a)
        arctan2 =atan2 R R | atan2(a, b)
        add R R | a + b
        subtract R R | a - b
        multiply R R | a * b
        divide =true_divide R R | a / b
        angle R
        cbrt R | sign(a) * cbrt(abs(a))
        ceil R
        floor R
        rint R
        trunc R
        round =around R
        sign R
        conj =conjugate R | a
        copy R | a
        positive R | a
        negative R | -a
        real R | a
        imag R | a * 0
        copysign R R
        cos R | cos(a)
        cosh R | cosh(a)
        sin R | sin(a)
        sinh R | sinh(a)
        tan R | tan(a)
        tanh R | tanh(a)
        deg2rad =radians R | a * pi / 180
        rad2deg =degrees R | a * 180 / pi
        exp R | exp(a)
        exp2 R | mpf(2) ** a
        expm1 R | expm1(a)
        log (0,inf) | log(a)
        log10 (0,inf) | log(a) / log(10)
        log1p (-1,inf) | log1p(a)
        log2 (0,inf) | log(a) / log(2)
        sqrt [0,inf) | sqrt(a)
        square R | a * a
        reciprocal R | 1 / a
        sinc R | sincpi(a)
        i0 R | besseli(0, a)
        float_power [0,inf) R | a**b
        power [0,inf) R | a**b
        pow R R
        floor_divide S S
        divmod S S
        fmod S S
        mod =remainder S S
        fmax R R
        fmin R R
        maximum R R
        minimum R R
        heaviside R R
        hypot R R | sqrt(a * a + b * b)
        ldexp R N | a * mpf(2) ** b
        frexp R
        modf R
        nextafter R R
        spacing R
        logaddexp R R | max(a, b) + log1p(exp(-abs(a - b)))
        logaddexp2 R R | max(a, b) + log1p(mpf(2) ** -abs(a - b)) / log(2)
        clip R R R
        nan_to_num R | a
    """,
    "jax.nn": """
        celu R
        elu R
        gelu R
        hard_sigmoid R
        hard_silu =hard_swish R
        hard_tanh R
        identity R | a
        leaky_relu R R
        log1mexp (0,inf) | log1p(-exp(-a)) if a > 1 else log(-expm1(-a))
        log_sigmoid R | -log1p(exp(-a)) if a > 0 else a - log1p(exp(a))
        mish R | a * tanh(log1p(exp(a)))
        relu R
        relu6 R
        selu R
        sigmoid R | 1 / (1 + exp(-a))
        silu =swish R | a / (1 + exp(-a))
        soft_sign R | a / (1 + abs(a))
        softplus R | log1p(exp(a))
        sparse_plus R
        sparse_sigmoid R
        squareplus R [0,inf) | (a + sqrt(a * a + b)) / 2
        tanh R | tanh(a)
    """,
    "jax.scipy.special": """
        beta (0,inf) (0,inf) | beta(a, b)
        betainc (0,inf) (0,inf) [0,1] | betainc(a, b, 0, c, regularized=True)
        betaln (0,inf) (0,inf) | loggamma(a) + loggamma(b) - loggamma(a + b)
        boxcox (0,inf) R | expm1(b * log(a)) / b if b else log(a)
        boxcox1p (-1,inf) R | expm1(b * log1p(a)) / b if b else log1p(a)
        comb (0,inf) (0,inf) | binomial(a, b) if b <= a else 0
        dawsn R | sqrt(pi) / 2 * exp(-a * a) * erfi(a)
        digamma (-9,inf) | psi(0, a)
        entr [0,inf) | -a * log(a)
        erf R | erf(a)
        erfc R | erfc(a)
        erfcinv (0,2) | erfinv(1 - a)
        erfcx R | exp(a * a) * erfc(a)
        erfinv (-1,1) | erfinv(a)
        exp1 (0,inf) | e1(a)
        expi R | ei(a)
        expit R | 1 / (1 + exp(-a))
        expn N (0,inf) | expint(a, b)
        factorial [0,inf) | gamma(a + 1)
        fresnel [-30,30]
        gamma (-9,inf) | gamma(a)
        gammainc (0,inf) [0,inf) | gammainc(a, 0, b, regularized=True)
        gammaincc (0,inf) [0,inf) | gammainc(a, b, inf, regularized=True)
        gammaln (-9,inf) | log(abs(gamma(a)))
        loggamma (0,inf) | log(abs(gamma(a)))
        gammasgn (-9,inf)
        hyp1f1 R (0,inf) R | hyp1f1(a, b, c)
        hyp2f1 R R (0,inf) (-1,1) | hyp2f1(a, b, c, d)
        i0 R | besseli(0, a)
        i0e R | besseli(0, a) * exp(-abs(a))
        i1 R | besseli(1, a)
        i1e R | besseli(1, a) * exp(-abs(a))
        kl_div [0,inf) (0,inf) | a * log(a / b) - a + b
        log_ndtr R | log(erfc(-a / sqrt(2)) / 2)
        logit (0,1) | log(a / (1 - a))
        ndtr R | erfc(-a / sqrt(2)) / 2
        ndtri (0,1) | -sqrt(2) * erfinv(1 - 2 * a)
        owens_t [-5,5] [-5,5]
        poch (0,inf) (0,inf) | gamma(a + b) / gamma(a)
        polygamma N (0,inf) | psi(int(a), b)
        rel_entr [0,inf) (0,inf) | a * log(a / b)
        sici R
        spence [0,inf) | re(polylog(2, 1 - a))
        xlog1py R (-1,inf) | a * log1p(b)
        xlogy R (0,inf) | a * log(b)
        zeta (1,inf) (0,inf) | zeta(a, b)
    """,
    "jax.lax": """
        abs R | abs(a)
        acos [-1,1] | acos(a)
        acosh [1,inf) | acosh(a)
        add R R | a + b
        asin [-1,1] | asin(a)
        asinh R | asinh(a)
        atan R | atan(a)
        atan2 R R | atan2(a, b)
        atanh (-1,1) | atanh(a)
        bessel_i0e R | besseli(0, a) * exp(-abs(a))
        bessel_i1e R | besseli(1, a) * exp(-abs(a))
        betainc (0,inf) (0,inf) [0,1] | betainc(a, b, 0, c, regularized=True)
        cbrt R | sign(a) * cbrt(abs(a))
        ceil R
        clamp (-inf,0] R [0,inf)
        complex R R
        conj R | a
        cos R | cos(a)
        cosh R | cosh(a)
        digamma (-9,inf) | psi(0, a)
        div R R | a / b
        erf R | erf(a)
        erf_inv (-1,1) | erfinv(a)
        erfc R | erfc(a)
        exp R | exp(a)
        exp2 R | mpf(2) ** a
        expm1 R | expm1(a)
        floor R
        igamma (0,inf) [0,inf) | gammainc(a, 0, b, regularized=True)
        igamma_grad_a (0,inf) (0,inf)
        igammac (0,inf) [0,inf) | gammainc(a, b, inf, regularized=True)
        lgamma (-9,inf) | log(abs(gamma(a)))
        log (0,inf) | log(a)
        log1p (-1,inf) | log1p(a)
        log2 (0,inf) | log(a) / log(2)
        logistic R | 1 / (1 + exp(-a))
        max R R
        min R R
        mul R R | a * b
        neg R | -a
        nextafter R R
        one_minus_square R | 1 - a * a
        optimization_barrier R | a
        polygamma M (0,inf) | psi(int(a), b)
        pow [0,inf) R | a**b
        random_gamma_grad (0,inf) (0,inf)
        reciprocal R | 1 / a
        rem S S
        round R
        rsqrt (0,inf) | 1 / sqrt(a)
        sign R
        sin R | sin(a)
        sinh R | sinh(a)
        sqrt [0,inf) | sqrt(a)
        square R | a * a
        sub R R | a - b
        tan R | tan(a)
        tanh R | tanh(a)
        zeta (1,inf) (0,inf) | zeta(a, b)
    """,
}

ARRAYS = {
    "jax.numpy": """
        append(x, y) | x=any(3) y=any(2)
        apply_along_axis(jnp.cumsum, 0, x) | x=any(3,2)
        apply_over_axes(jnp.sum, x, [0, 1]) | x=any(3,2)
        array(x) | x=any(3)
        array_split(x, 2) | x=any(3)
        asarray(x) | x=any(3)
        astype(x, float) | x=any(3)
        atleast_1d(x) | x=any(3)
        atleast_2d(x) | x=any(3)
        atleast_3d(x) | x=any(3)
        average(x) | x=any(3)
        average(x, weights=y) | x=any(4) y=pos(4)
        bincount(jnp.array([0, 2, 2, 1]), weights=x, length=3) | x=any(4)
        block([x, y]) | x=any(3) y=any(2)
        broadcast_arrays(x, y) | x=any(3) y=any(2,1)
        broadcast_to(x, (2, 3)) | x=any(3)
        choose(jnp.array([0, 1, 0]), [x, y]) | x=any(3) y=any(3)
        column_stack([x, y]) | x=any(3) y=any(3)
        compress(jnp.array([True, False, True]), x) | x=any(3)
        concat([x, y]) | x=any(3) y=any(2)
        concatenate([x, y]) | x=any(3) y=any(2)
        convolve(x, y) | x=any(4) y=any(2)
        convolve(x, y, mode='same') | x=any(4) y=any(3)
        convolve(x, y, mode='valid') | x=any(2) y=any(4)
        corrcoef(x) | x=any(3,4)
        correlate(x, y) | x=any(4) y=any(3)
        correlate(x, y, mode='full') | x=any(3) y=any(4)
        correlate(x, y, mode='same') | x=any(4) y=any(3)
        cov(x) | x=any(3,4)
        cov(x, ddof=0) | x=any(4)
        cov(x, aweights=y) | x=any(2,4) y=pos(4)
        cross(x, y) | x=any(2,3) y=any(2,3)
        cumprod(x) | x=any(5)
        cumprod(x, axis=1) | x=any(2,3)
        cumsum(x, axis=1) | x=any(2,3)
        cumulative_prod(x, include_initial=True) | x=any(4)
        cumulative_sum(x, include_initial=True) | x=any(4)
        delete(x, 1) | x=any(3)
        diag(x) | x=any(3)
        diag(x, k=1) | x=any(3,3)
        diagflat(x) | x=any(3)
        diagonal(x, offset=-1) | x=any(3,4)
        diff(x, n=2) | x=any(5)
        dot(x, y) | x=any(2,3) y=any(3,2)
        dsplit(x, 2) | x=any(1,2,2)
        dstack([x, y]) | x=any(3) y=any(3)
        ediff1d(x) | x=any(4)
        einsum('ij,jk,k->i', x, y, z) | x=any(2,3) y=any(3,2) z=any(2)
        einsum('ii->i', x) | x=any(3,3)
        expand_dims(x, 0) | x=any(3)
        extract(jnp.array([True, False, True]), x) | x=any(3)
        fill_diagonal(x, y, inplace=False) | x=any(3,3) y=any(3)
        flip(x) | x=any(3)
        fliplr(x) | x=any(2,3)
        flipud(x) | x=any(2,3)
        full((2, 3), x) | x=any(3)
        full_like(jnp.zeros((2, 3)), x) | x=any(3)
        geomspace(x, y, 5) | x=pos() y=pos()
        geomspace(x, y, 5) | x=pos(2) y=pos(2)
        gradient(x) | x=any(5)
        gradient(x, y) | x=any(5) y=increasing(5)
        histogram(x, bins=jnp.array([-2., 0., 2.]), weights=y)[0] | x=pos(4) y=any(4)
        histogram2d(x, x, bins=2, range=[(-4, 4), (-4, 4)], weights=y)[0] | x=pos(4) y=any(4)
        histogramdd(x, bins=2, range=[(-4, 4), (-4, 4)], weights=y)[0] | x=pos(4,2) y=any(4)
        histogram_bin_edges(x, bins=3) | x=any(4)
        hsplit(x, 3) | x=any(2,3)
        hstack([x, y]) | x=any(3) y=any(2)
        inner(x, y) | x=any(2,3) y=any(2,3)
        insert(x, 1, y) | x=any(3) y=any()
        interp(x, y, z) | x=any(4) y=increasing(5) z=any(5)
        interp(x, y, z, left=w, right=w) | x=any(4) y=increasing(5) z=any(5) w=any()
        interp(x, y, z, period=4.0) | x=any(4) y=increasing(3) z=any(3)
        interp(x, jnp.array([-1., 0., 1.]), jnp.array([3., 0., 1.])) | x=any(6)
        interp(x, jnp.array([0., 1., 1., 2.]), z) | x=any(3) z=any(4)
        kron(x, y) | x=any(2,2) y=any(2,2)
        linspace(x, y, 4) | x=any(2) y=any(2)
        logspace(x, y, 4) | x=any(2) y=any(2)
        logspace(0., 1., 4, base=x) | x=pos()
        matmul(x, y) | x=any(2,3) y=any(3,2)
        matrix_transpose(x) | x=any(2,3)
        matvec(x, y) | x=any(2,3) y=any(3)
        max =amax(x) | x=any(4)
        max(x, axis=1) | x=any(2,3)
        max(x, initial=0., where=jnp.array([True, False, True])) | x=any(3)
        mean(x, where=jnp.array([True, False, True])) | x=any(3)
        median(x) | x=any(4)
        median(x, axis=0) | x=any(5,2)
        meshgrid(x, y) | x=any(2) y=any(3)
        min =amin(x) | x=any(4)
        minmax(x) | x=any(4)
        moveaxis(x, 0, 1) | x=any(2,3)
        nancumprod(x) | x=nan(5)
        nancumsum(x) | x=nan(5)
        nanmax(x) | x=nan(5)
        nanmean(x) | x=nan(5)
        nanmedian(x) | x=nan(5)
        nanmin(x) | x=nan(5)
        nanpercentile(x, 30.) | x=nan(5)
        nanprod(x) | x=nan(5)
        nanquantile(x, y) | x=nan(5) y=unit()
        nanstd(x) | x=nan(5)
        nansum(x) | x=nan(5)
        nanvar(x) | x=nan(5)
        nan_to_num(x) | x=nan(5)
        outer(x, y) | x=any(2) y=any(3)
        pad(x, 1) | x=any(3)
        pad(x, 1, constant_values=y) | x=any(3) y=any()
        pad(x, 2, mode='edge') | x=any(3)
        pad(x, 2, mode='linear_ramp') | x=any(3)
        pad(x, 2, mode='maximum') | x=any(3)
        pad(x, 2, mode='mean') | x=any(3)
        pad(x, 2, mode='median') | x=any(3)
        pad(x, 2, mode='reflect') | x=any(3)
        pad(x, 2, mode='reflect', reflect_type='odd') | x=any(3)
        pad(x, 2, mode='symmetric') | x=any(3)
        pad(x, 2, mode='wrap') | x=any(3)
        partition(x, 2) | x=any(5)
        percentile(x, y) | x=any(5) y=unit()
        percentile(x, 30., method='nearest') | x=any(5)
        permute_dims(x, (1, 0)) | x=any(2,3)
        piecewise(x, [x < 0, x >= 0], [lambda t: -t, lambda t: t * t]) | x=any(4)
        place(x, jnp.array([True, False, True]), y, inplace=False) | x=any(3) y=any(2)
        poly(x) | x=any(3)
        poly(x) | x=sym(3,3)
        polyadd(x, y) | x=any(3) y=any(2)
        polyder(x) | x=any(4)
        polydiv(x, y) | x=any(4) y=pos(2)
        polyfit(x, y, 2) | x=increasing(6) y=any(6)
        polyfit(x, y, 1, w=z) | x=increasing(5) y=any(5) z=pos(5)
        polyint(x) | x=any(4)
        polymul(x, y) | x=any(3) y=any(2)
        polysub(x, y) | x=any(3) y=any(2)
        polyval(x, y) | x=any(4) y=any(3)
        prod(x) | x=any(4)
        prod(x, axis=0) | x=any(3,2)
        ptp(x) | x=any(4)
        put(x, jnp.array([0, 2]), y, inplace=False) | x=any(3) y=any(2)
        put_along_axis(x, jnp.array([0]), y, 0, inplace=False) | x=any(3) y=any(1)
        quantile(x, y) | x=any(5) y=unit()
        quantile(jnp.arange(5.0), y) | y=unit()
        quantile(x, y, method='lower') | x=any(5) y=unit()
        quantile(x, y, method='midpoint') | x=any(4) y=unit()
        ravel(x) | x=any(2,3)
        repeat(x, 2) | x=any(3)
        reshape(x, (3, 2)) | x=any(2,3)
        resize(x, (4,)) | x=any(3)
        roll(x, 1) | x=any(3)
        rollaxis(x, 1) | x=any(2,3)
        roots(x, strip_zeros=False) | x=pos(3)
        roots(jnp.concatenate([jnp.ones(1), x]), strip_zeros=False) | x=any(3)
        rot90(x) | x=any(2,3)
        select([jnp.array([True, False, True])], [x], y) | x=any(3) y=any(3)
        sort(x) | x=any(5)
        sort(x, descending=True) | x=any(5)
        sort_complex(x) | x=any(5)
        split(x, 3) | x=any(3)
        squeeze(x) | x=any(3,1)
        stack([x, y]) | x=any(3) y=any(3)
        std(x) | x=any(4)
        std(x) | x=any(1)
        std(x, ddof=1, axis=0) | x=any(3,2)
        sum(x, axis=0, keepdims=True) | x=any(3,2)
        swapaxes(x, 0, 1) | x=any(2,3)
        take(x, jnp.array([2, 0, 2])) | x=any(3)
        take(x, jnp.array([2, 0, 5]), mode='clip') | x=any(3)
        take(x, jnp.array([2, 0, 5]), mode='wrap') | x=any(3)
        take(x, jnp.array([2, 0, 5]), mode='fill', fill_value=0.) | x=any(3)
        take_along_axis(x, jnp.array([2, 0]), 0) | x=any(3)
        tensordot(x, y, 1) | x=any(2,3) y=any(3,2)
        tile(x, 2) | x=any(3)
        top_k(x, 2)[0] | x=any(4)
        trace(x) | x=any(3,3)
        trace(x, offset=1) | x=any(3,3)
        transpose(x) | x=any(2,3)
        trapezoid(x) | x=any(4)
        trapezoid(x, y) | x=any(4) y=increasing(4)
        tril(x, -1) | x=any(3,3)
        triu(x, 1) | x=any(3,3)
        unstack(x) | x=any(2,3)
        unwrap(x) | x=any(5)
        unwrap(4 * x) | x=any(5)
        unwrap(x, period=1.5) | x=pos(5)
        vander(x) | x=any(3)
        var(x) | x=any(4)
        var(x) | x=any(1)
        var(x, ddof=1, axis=0) | x=any(3,2)
        vdot(x, y) | x=any(3) y=any(3)
        vecdot(x, y) | x=any(2,3) y=any(2,3)
        vecmat(x, y) | x=any(2) y=any(2,3)
        vsplit(x, 2) | x=any(2,3)
        vstack([x, y]) | x=any(3) y=any(3)
        where(jnp.array([True, False, True]), x, y) | x=any(3) y=any(3)
        kaiser(5, x) | x=pos()
    """,
    "jax.nn": """
        celu(x, y) | x=any(4) y=pos()
        dot_product_attention(x, y, z) | x=any(2,1,3) y=any(2,1,3) z=any(2,1,3)
        dot_product_attention(x, y, z, is_causal=True) | x=any(3,1,2) y=any(3,1,2) z=any(3,1,2)
        dot_product_attention(x, x, x, bias=y) | x=any(2,1,3) y=any(1,2,2)
        elu(x, y) | x=any(4) y=any()
        gelu(x, approximate=False) | x=any(4)
        glu(x) | x=any(4)
        log_softmax(x) | x=any(4)
        log_softmax(x, where=jnp.array([True, False, True]), axis=-1)[0] | x=any(3)
        log_softmax(x) | x=neginf(4)
        log_softmax(1000 * x) | x=any(3)
        logmeanexp(x) | x=any(4)
        logmeanexp(x) | x=neginf(4)
        logsumexp(x) | x=any(4)
        logsumexp(x) | x=neginf(4)
        logsumexp(x, b=y) | x=any(3) y=pos(3)
        logsumexp(x, b=y, return_sign=True) | x=any(3) y=any(3)
        logsumexp(1000 * x) | x=any(3)
        softmax(x) | x=any(4)
        softmax(x) | x=neginf(4)
        softmax(1000 * x) | x=any(3)
        softmax(x, where=jnp.array([True, False, True])) | x=any(3)
        standardize(x) | x=any(4)
        standardize(x, epsilon=0.) | x=any(4)
        standardize(x, mean=y, variance=z) | x=any(4) y=any() z=pos()
    """,
    "jax.scipy.special": """
        bessel_jn(x, v=3) | x=any(5)
        bessel_jn(10 * x, v=2, n_iter=90) | x=any(5)
        log_softmax(x) | x=any(4)
        logsumexp(x) | x=any(4)
        logsumexp(x) | x=neginf(4)
        logsumexp(x, b=y) | x=any(3) y=pos(3)
        multigammaln(2. + x, 2) | x=pos(4)
        multigammaln(x, 1) | x=pos(4)
        softmax(x) | x=any(4)
        wofz(x).real | x=any(5)
        wofz(x).imag | x=any(5)
        sph_harm_y(jnp.array([2]), jnp.array([1]), x, y) | x=pos(1) y=pos(1)
        sph_harm_y(jnp.array([3]), jnp.array([-2]), x, y) | x=pos(1) y=pos(1)
        sph_harm_y(jnp.array([1]), jnp.array([0]), x, y) | x=any(1) y=any(1)
    """,
    "jax.numpy.linalg": """
        cholesky(x) | x=spd(3,3)
        cholesky(x, upper=True) | x=spd(3,3)
        cond(x) | x=square(3,3)
        cond(x, p=1) | x=square(3,3)
        cond(x, p='fro') | x=square(3,3)
        cond(x, p=-2) | x=any(3,2)
        cross(x, y) | x=any(2,3) y=any(2,3)
        det(x) | x=square(1,1)
        det(x) | x=square(2,2)
        det(x) | x=square(3,3)
        det(x) | x=square(4,4)
        det(x) | x=singular(2,2)
        det(x) | x=singular(3,3)
        det(x) | x=singular(4,4)
        det(x) | x=any(3,3)
        det(x) | x=any(4,4)
        diagonal(x) | x=any(3,3)
        eig(x)[0] | x=square(3,3)
        eigh(x) | x=sym(3,3)
        eigh(x) | x=sym(1,1)
        eigvals(x) | x=square(3,3)
        eigvalsh(x) | x=sym(3,3)
        inv(x) | x=square(3,3)
        lstsq(x, y)[0] | x=square(4,2) y=any(4)
        lstsq(x, y)[0] | x=square(2,4) y=any(2)
        lstsq(x, y) | x=square(4,2) y=any(4)
        matmul(x, y) | x=any(2,3) y=any(3,2)
        matrix_norm(x) | x=any(3,2)
        matrix_norm(x, ord='nuc') | x=any(3,2)
        matrix_norm(x, ord=2) | x=any(3,2)
        matrix_norm(x, ord=-2) | x=any(3,2)
        matrix_norm(x, ord=1) | x=any(3,2)
        matrix_norm(x, ord=jnp.inf) | x=any(3,2)
        matrix_norm(x, ord=-1) | x=any(3,2)
        matrix_power(x, 3) | x=square(3,3)
        matrix_power(x, 0) | x=square(3,3)
        matrix_power(x, -2) | x=square(3,3)
        matrix_transpose(x) | x=any(2,3)
        multi_dot([x, y, z]) | x=any(2,3) y=any(3,2) z=any(2,2)
        norm(x) | x=any(3)
        norm(x) | x=any(1)
        norm(x) | x=any(3,2)
        norm(x, ord=0) | x=any(3)
        norm(x, ord=1) | x=any(3)
        norm(x, ord=2) | x=any(3)
        norm(x, ord=3) | x=any(3)
        norm(x, ord=4) | x=any(3)
        norm(x, ord=0.5) | x=any(3)
        norm(x, ord=1.5) | x=any(3)
        norm(x, ord=-1) | x=any(3)
        norm(x, ord=jnp.inf) | x=any(3)
        norm(x, ord=-jnp.inf) | x=any(3)
        norm(x, ord='nuc') | x=any(3,2)
        norm(x, ord=2) | x=any(3,2)
        norm(x, axis=1) | x=any(3,2)
        outer(x, y) | x=any(2) y=any(3)
        pinv(x) | x=any(4,2)
        pinv(x) | x=any(2,4)
        pinv(x) | x=square(3,3)
        pinv(x) | x=singular(3,3)
        pinv(x, hermitian=True) | x=sym(3,3)
        qr(x) | x=square(3,3)
        qr(x) | x=square(4,2)
        qr(x) | x=square(2,4)
        qr(x, mode='r') | x=square(4,2)
        qr(x, mode='complete') | x=square(4,2)
        qr(x, mode='complete') | x=square(3,3)
        slogdet(x) | x=square(2,2)
        slogdet(x) | x=square(3,3)
        slogdet(x, method='qr') | x=square(3,3)
        solve(x, y) | x=square(3,3) y=any(3)
        solve(x, y) | x=square(3,3) y=any(3,2)
        solve(x, y) | x=square(2,3,3) y=any(2,3,1)
        svd(x, full_matrices=False) | x=any(4,2)
        svd(x, full_matrices=False) | x=any(2,3)
        svd(x) | x=square(3,3)
        svd(x) | x=any(4,2)
        svd(x, compute_uv=False) | x=any(3,3)
        svd(x, hermitian=True) | x=sym(3,3)
        svdvals(x) | x=any(3,2)
        svdvals(x) | x=singular(3,3)
        tensordot(x, y, axes=1) | x=any(2,3) y=any(3,2)
        tensorinv(x, ind=1) | x=tensor(4,2,2)
        tensorsolve(x, y) | x=tensor(4,2,2) y=any(4)
        trace(x) | x=any(3,3)
        vecdot(x, y) | x=any(2,3) y=any(2,3)
        vector_norm(x) | x=any(4)
        vector_norm(x, ord=1) | x=any(4)
        vector_norm(x, ord=3) | x=any(4)
        vector_norm(x, ord=0) | x=any(4)
        vector_norm(x, ord=jnp.inf) | x=any(4)
        vector_norm(x, ord=2.5) | x=any(4)
    """,
    "jax.scipy.linalg": """
        block_diag(x, y) | x=any(2,2) y=any(1,2)
        cho_factor(x)[0] | x=spd(3,3)
        cho_factor(x, lower=True)[0] | x=spd(3,3)
        cho_solve((x, True), y) | x=lower(3,3) y=any(3)
        cho_solve((x.T, False), y) | x=lower(3,3) y=any(3,2)
        cholesky(x) | x=spd(3,3)
        cholesky(x, lower=True) | x=spd(3,3)
        circulant(x) | x=any(3)
        companion(x) | x=pos(4)
        convolution_matrix(x, 3) | x=any(3)
        det(x) | x=square(3,3)
        det(x) | x=singular(3,3)
        det(x) | x=singular(4,4)
        eigh(x) | x=sym(3,3)
        eigh(x, eigvals_only=True) | x=sym(3,3)
        eigh_tridiagonal(x, y, eigvals_only=True) | x=any(4) y=pos(3)
        expm(x) | x=any(3,3)
        expm(x) | x=square(3,3)
        expm(8 * x) | x=any(3,3)
        expm(x, upper_triangular=True) | x=upper(3,3)
        expm_frechet(x, y) | x=any(3,3) y=any(3,3)
        expm_frechet(x, y, method='blockEnlarge') | x=any(3,3) y=any(3,3)
        fiedler(x) | x=any(4)
        fiedler_companion(x) | x=pos(4)
        funm(x, lambda t: jnp.exp(t)) | x=square(3,3)
        hankel(x) | x=any(3)
        hankel(x, y) | x=any(3) y=any(3)
        hessenberg(x) | x=square(3,3)
        hessenberg(x, calc_q=True) | x=square(3,3)
        inv(x) | x=square(3,3)
        leslie(x, y) | x=any(4) y=pos(3)
        lu(x) | x=square(3,3)
        lu(x) | x=square(4,2)
        lu(x) | x=square(2,4)
        lu(x, permute_l=True) | x=square(3,3)
        lu_factor(x)[0] | x=square(3,3)
        lu_solve((x, jnp.array([1, 1, 2], jnp.int32)), y) | x=square(3,3) y=any(3)
        lu_solve((x, jnp.array([1, 1, 2], jnp.int32)), y, trans=1) | x=square(3,3) y=any(3)
        polar(x) | x=square(3,3)
        polar(x) | x=square(4,2)
        polar(x, side='left', method='qdwh') | x=square(2,4)
        polar(x, method='svd') | x=square(3,3)
        qr(x) | x=square(3,3)
        qr(x, mode='economic') | x=square(4,2)
        qr(x, mode='r') | x=square(2,4)
        qr(x, pivoting=True, mode='economic') | x=square(3,3)
        qr_multiply(x, y) | x=square(3,3) y=any(3,3)
        rsf2csf(x, jnp.eye(3)) | x=upper(3,3)
        schur(x) | x=sym(3,3)
        solve(x, y) | x=square(3,3) y=any(3)
        solve(x, y, lower=True) | x=square(3,3) y=any(3)
        solve(x, y, assume_a='pos') | x=spd(3,3) y=any(3)
        solve_sylvester(x, y, z) | x=spd(3,3) y=spd(2,2) z=any(3,2)
        solve_triangular(x, y, lower=True) | x=lower(3,3) y=any(3)
        solve_triangular(x, y) | x=upper(3,3) y=any(3,2)
        solve_triangular(x, y, trans=1) | x=upper(3,3) y=any(3)
        solve_triangular(x, y, lower=True, unit_diagonal=True) | x=lower(3,3) y=any(3)
        solve_triangular(x, y, trans='T', lower=True, unit_diagonal=True) | x=lower(3,3) y=any(3,2)
        sqrtm(x) | x=spd(3,3)
        svd(x, full_matrices=False) | x=square(3,3)
        svd(x, compute_uv=False) | x=any(3,2)
        toeplitz(x) | x=any(3)
        toeplitz(x, y) | x=any(3) y=any(3)
    """,
    "jax.lax": """
        all_gather(x, 'i') | x=axis(3)
        all_to_all(x, 'i', 0, 0) | x=axis(2,2)
        approx_max_k(x, 2)[0] | x=any(4)
        approx_min_k(x, 2)[0] | x=any(4)
        associative_scan(jnp.add, x) | x=any(5)
        associative_scan(jnp.multiply, x, reverse=True) | x=any(5)
        associative_scan(jnp.maximum, x) | x=any(5)
        batch_matmul(x, y) | x=any(2,2,3) y=any(2,3,2)
        broadcast(x, (2,)) | x=any(3)
        broadcast_in_dim(x, (2, 3), (1,)) | x=any(3)
        broadcast_like(x, jnp.zeros((3,))) | x=any(3)
        broadcast_to_rank(x, 2) | x=any(3)
        collapse(x, 0, 2) | x=any(2,3)
        composite(jax.jit(jnp.sin), 'my.sin')(x) | x=any(3)
        concatenate([x, y], 0) | x=any(3) y=any(2)
        cond(True, jnp.sin, jnp.cos, x) | x=any(3)
        conv(x, y, (2, 1), 'SAME') | x=any(1,2,4,3) y=any(2,2,3,2)
        conv_general_dilated(x, y, (1, 1), [(1, 0), (2, 1)]) | x=any(1,2,4,3) y=any(3,2,2,2)
        conv_general_dilated(x, y, (2,), [(2, 1)], lhs_dilation=(3,), rhs_dilation=(2,)) | x=any(1,2,4) y=any(3,2,2)
        conv_general_dilated(x, y, (2,), [(-1, 3)], rhs_dilation=(2,)) | x=any(1,1,6) y=any(1,1,2)
        conv_general_dilated(x, y, (1,), 'SAME', feature_group_count=2) | x=any(1,4,3) y=any(4,2,2)
        conv_general_dilated(x, y, (1,), 'SAME', batch_group_count=2) | x=any(4,1,3) y=any(2,1,2)
        conv_general_dilated(x, y, (1,), 'VALID', dimension_numbers=('NHC', 'HIO', 'NHC')) | x=any(1,3,2) y=any(2,2,3)
        conv_general_dilated_local(x, y, (1,), 'VALID', (2,)) | x=any(1,2,3) y=any(3,4,2)
        conv_general_dilated_patches(x, (2,), (1,), 'SAME') | x=any(1,2,4)
        conv_transpose(x, y, (2,), 'SAME', dimension_numbers=('NHC', 'HIO', 'NHC')) | x=any(1,3,2) y=any(3,2,2)
        conv_transpose(x, y, (2,), 'VALID', None, ('NHC', 'HIO', 'NHC'), True) | x=any(1,3,2) y=any(2,1,2)
        conv_with_general_padding(x, y, (1,), [(2, 1)], (2,), (1,)) | x=any(1,1,4) y=any(1,1,3)
        convert_element_type(x, float) | x=any(3)
        cumlogsumexp(x) | x=any(5)
        cumlogsumexp(x, reverse=True) | x=any(5)
        cumlogsumexp(x) | x=neginf(4)
        cummax(x) | x=any(5)
        cummin(x, reverse=True) | x=any(5)
        cumprod(x) | x=any(5)
        cumprod(x, reverse=True) | x=any(5)
        cumsum(x, reverse=True) | x=any(5)
        custom_linear_solve(lambda t: 3. * t, x, lambda _, t: t / 3., lambda _, t: t / 3.) | x=any(3)
        custom_root(lambda t: t**3 - x, jnp.ones(3), lambda *_: jnp.cbrt(x), lambda g, y: y / g(jnp.ones(3))) | x=pos(3)
        dot(x, y) | x=any(2,3) y=any(3,2)
        dot_general(x, y, (((1,), (2,)), ((0,), (1,)))) | x=any(2,3,2) y=any(2,2,3)
        dynamic_index_in_dim(x, 1) | x=any(3)
        dynamic_slice(x, (1,), (2,)) | x=any(3)
        dynamic_slice(x, (5,), (2,)) | x=any(3)
        dynamic_slice_in_dim(x, 1, 2) | x=any(3)
        dynamic_update_index_in_dim(x, y, 1, 0) | x=any(3) y=any()
        dynamic_update_slice(x, y, (5,)) | x=any(4) y=any(2)
        dynamic_update_slice_in_dim(x, y, 1, 0) | x=any(4) y=any(2)
        expand_dims(x, (0,)) | x=any(3)
        fft(x, 'RFFT', (4,)) | x=any(4)
        fori_loop(0, 3, lambda i, t: jnp.sin(t), x) | x=any(3)
        full((2,), x) | x=any()
        full_like(jnp.zeros(2), x) | x=any()
        gather(x, jnp.array([[2], [0], [2]]), jax.lax.GatherDimensionNumbers((), (0,), (0,)), (1,)) | x=any(3)
        imag(x + 0j) | x=any(3)
        index_in_dim(x, 1) | x=any(3)
        index_take(x, (jnp.array([2, 0, 2]),), (0,)) | x=any(3)
        integer_pow(x, 3) | x=any(4)
        integer_pow(x, 2) | x=any(4)
        integer_pow(x, -2) | x=any(4)
        integer_pow(x, 0) | x=any(4)
        map(jnp.sin, x) | x=any(3)
        pad(x, y, [(1, 2, 1)]) | x=any(3) y=any()
        pad(x, y, [(-1, -1, 0)]) | x=any(4) y=any()
        platform_dependent(x, default=jnp.sin) | x=any(3)
        pmax(x, 'i') | x=axis(3)
        pmean(x, 'i') | x=axis(3)
        pmin(x, 'i') | x=axis(3)
        polynomial(x, y) | x=any(4) y=any(3)
        ppermute(x, 'i', [(0, 1), (1, 2), (2, 0)]) | x=axis(3)
        pshuffle(x, 'i', [1, 2, 0]) | x=axis(3)
        psum(x, 'i') | x=axis(3)
        psum_scatter(x, 'i') | x=axis(2,2)
        pswapaxes(x, 'i', 0) | x=axis(2,2)
        ragged_dot(x, y, jnp.array([2, 1])) | x=any(3,2) y=any(2,2,3)
        real(x + 0j) | x=any(3)
        reduce(x, 0., jax.lax.add, (0,)) | x=any(3,2)
        reduce(x, 1., jax.lax.mul, (0,)) | x=any(3,2)
        reduce(x, -jnp.inf, jax.lax.max, (0,)) | x=any(3,2)
        reduce(x, 0., lambda a, b: a + b + a * b, (0,)) | x=any(3,2)
        reduce(x, y, jax.lax.add, (0,)) | x=any(3) y=any()
        reduce_max(x, (0,)) | x=any(4)
        reduce_min(x, (0,)) | x=any(4)
        reduce_precision(x, 11, 52) | x=any(4)
        reduce_prod(x, (0,)) | x=any(4)
        reduce_sum(x, (0,)) | x=any(4)
        reduce_window(x, 0., jax.lax.add, (2,), (1,), 'SAME') | x=any(5)
        reduce_window(x, -jnp.inf, jax.lax.max, (2,), (2,), 'VALID') | x=any(5)
        reduce_window(x, -jnp.inf, jax.lax.max, (3,), (1,), [(1, 1)], (2,), (1,)) | x=any(5)
        reduce_window(x, jnp.inf, jax.lax.min, (2,), (1,), 'SAME', (1,), (2,)) | x=any(5)
        reduce_window(x, 1., jax.lax.mul, (2,), (1,), 'VALID') | x=any(5)
        reshape(x, (3, 2)) | x=any(2,3)
        reshape(x, (3, 2), (1, 0)) | x=any(2,3)
        rev(x, (0,)) | x=any(3)
        scan(lambda c, t: (c * t, c + t), 1., x) | x=any(4)
        scan(lambda c, t: (c * t, c + t), 1., x, reverse=True) | x=any(4)
        scatter(x, jnp.array([[0], [2]]), y, SCATTER) | x=any(4) y=any(2)
        scatter(x, jnp.array([[0], [9]]), y, SCATTER) | x=any(4) y=any(2)
        scatter_add(x, jnp.array([[0], [0]]), y, SCATTER) | x=any(4) y=any(2)
        scatter_apply(x, jnp.array([[0], [2]]), jnp.sin, SCATTER, update_shape=(2,)) | x=any(4)
        scatter_max(x, jnp.array([[0], [2]]), y, SCATTER) | x=any(4) y=any(2)
        scatter_min(x, jnp.array([[0], [2]]), y, SCATTER) | x=any(4) y=any(2)
        scatter_mul(x, jnp.array([[0], [2]]), y, SCATTER) | x=any(4) y=any(2)
        scatter_mul(x, jnp.array([[0], [2]]), y, SCATTER, unique_indices=True) | x=any(4) y=any(2)
        scatter_sub(x, jnp.array([[0], [0]]), y, SCATTER) | x=any(4) y=any(2)
        select(jnp.array([True, False]), x, y) | x=any(2) y=any(2)
        select_n(jnp.array([1, 0, 2]), x, y, z) | x=any(3) y=any(3) z=any(3)
        slice(x, (0,), (5,), (2,)) | x=any(5)
        slice_in_dim(x, 1, 3) | x=any(4)
        sort(x) | x=any(5)
        sort((x, y), num_keys=1) | x=any(4) y=any(4)
        sort((x, y), num_keys=2) | x=any(4) y=any(4)
        sort_key_val(x, y) | x=any(4) y=any(4)
        split(x, (1, 2)) | x=any(3)
        squeeze(x, (1,)) | x=any(3,1)
        stack([x, y]) | x=any(3) y=any(3)
        switch(1, [jnp.sin, jnp.cos], x) | x=any(3)
        tile(x, (2,)) | x=any(3)
        top_k(x, 2)[0] | x=any(4)
        transpose(x, (1, 0)) | x=any(2,3)
        unstack(x) | x=any(2,3)
        while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, jnp.sin(s[1])), (0, x))[1] | x=any(3)
    """,
}

SETUP = "SCATTER = jax.lax.ScatterDimensionNumbers((), (0,), (0,))"
"""What stands in the expressions for something longer."""

EXCLUDED = {
    "their results are integers, booleans or shapes": {
        "jax.numpy": """all allclose any argmax argmin argpartition argsort argwhere array_equal array_equiv
            bitwise_and bitwise_count bitwise_invert bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift
            bitwise_xor count_nonzero digitize equal flatnonzero gcd greater greater_equal invert isclose iscomplex
            iscomplexobj isfinite isin isinf isnan isneginf isposinf isreal isrealobj isscalar lcm left_shift less
            less_equal lexsort logical_and logical_not logical_or logical_xor nanargmax nanargmin ndim nonzero
            not_equal packbits ravel_multi_index right_shift searchsorted shape signbit size unpackbits unravel_index
            broadcast_shapes""",
        "jax.numpy.linalg": "matrix_rank",
        "jax.lax": """argmax argmin bitwise_and bitwise_not bitwise_or bitwise_xor bitcast_convert_type
            broadcast_shapes clz eq ge gt is_finite le lt mulhi ne population_count reduce_and reduce_or reduce_xor
            shift_left shift_right_arithmetic shift_right_logical""",
    },
    "they give sets, of a size that the values decide": {
        "jax.numpy": """intersect1d setdiff1d setxor1d trim_zeros union1d unique unique_all unique_counts
            unique_inverse unique_values"""
    },
    "they make arrays of sizes and dtypes": {
        "jax.numpy": """arange bartlett blackman diag_indices diag_indices_from empty empty_like eye fromfunction
            hamming hanning identity indices ix_ mask_indices ones ones_like tri tril_indices tril_indices_from
            triu_indices triu_indices_from zeros zeros_like""",
        "jax.nn": "one_hot",
        "jax.scipy.linalg": "dft hadamard helmert hilbert invhilbert invpascal pascal",
        "jax.lax": "broadcasted_iota create_token empty iota",
    },
    "they are about dtypes, shapes, text, files or other libraries": {
        "jax.numpy": """array_repr array_str can_cast dtype einsum_path finfo from_dlpack frombuffer fromfile fromiter
            fromstring get_printoptions iinfo isdtype issubdtype iterable load printoptions promote_types result_type
            save savez set_printoptions""",
        "jax.nn": "get_scaled_dot_general_config",
        "jax.lax": """conv_dimension_numbers conv_general_permutations conv_general_shape_tuple conv_shape_tuple
            conv_transpose_shape_tuple ConvGeneralDilatedDimensionNumbers
            DotDimensionNumbers PrecisionLike dtype padtype_to_pads reduce_window_shape_tuple shape_as_value""",
    },
    "they turn functions into functions": {"jax.numpy": "frompyfunc vectorize"},
    "they need several devices, or give what is local to one": {
        "jax.lax": """after_all axis_index axis_size pbroadcast pcast precv psend psum_scatter_start ragged_all_to_all
            with_sharding_constraint stage dce_sink"""
    },
    "they are random": {"jax.lax": "rng_bit_generator rng_uniform"},
    "their purpose is to have no derivative": {"jax.lax": "stop_gradient"},
    "they take integers": {"jax.scipy.special": "bernoulli"},
    "they work on reduced precision only": {
        "jax.nn": "scaled_dot_general scaled_matmul",
        "jax.lax": "scaled_dot ragged_dot_general",
    },
}

_SPECIAL = (0, 1e-20, 1e-8, 1e-4, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 3.75, 4, 5, 7.5, 8, 10, 15, 20, 30)
_POINTS = {
    1: (*_SPECIAL, 40, 50, 75, 100, 300, 700, 1e3, 1e4, 1e6, 1e9),
    2: (0, 1e-8, 1e-3, 0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 30, 100, 700, 1e4),
    3: (0, 1e-4, 0.5, 1, 2.5, 10, 30, 100),
    4: (0, 0.5, 1, 2.5, 10),
}
_FROM_ENDS = {1: (1e-3, 1e-6, 1e-9, 1e-12), 2: (1e-2, 1e-6, 1e-10), 3: (1e-2, 1e-6), 4: (0.125,)}


def points(interval: str, arguments: int) -> list[float]:
    """Where one of so many arguments is put, round numbers before others: all over an interval and near its ends."""
    if interval in ("N", "M"):
        return [0, 1, 2, 3, 5, 10]
    low, high = (-np.inf, np.inf) if interval in "RS" else (float(end) for end in interval[1:-1].split(","))
    special = [x for size in _POINTS[arguments] for x in ((size, -size) if size else (0.0,))]
    inside = [float(x) for x in special if low < x < high]
    if interval == "S":
        inside = [x for x in inside if x == 0 or 0.25 <= abs(x) <= 30]
    ends = [end for end, bracket in ((low, interval[0]), (high, interval[-1])) if bracket in "[]"]
    near = [low + off for off in _FROM_ENDS[arguments]] if np.isfinite(low) and low else []
    near += [high - off for off in _FROM_ENDS[arguments]] if np.isfinite(high) else []
    if low == -9:  # there are poles at the integers
        near += [-0.5, -1.5, -2.25, -8.5] + [-off for off in _FROM_ENDS[arguments]]
        inside = [x for x in inside if x > 0 or x != round(x)]
    return list(dict.fromkeys([*ends, *inside, *near]))


def values(kind: str, shape: tuple[int, ...], rng: np.random.Generator) -> list[np.ndarray]:
    """Arrays of a kind: ordinary ones first, then those with ties, zeros or whatever else is special to the kind.

    They have few digits, so that a case can be printed as it is.
    """
    size = int(np.prod(shape))
    quarters = rng.permutation(np.arange(1.0, 1 + size)).reshape(shape) / 4
    signed = quarters * rng.choice([-1.0, 1.0], shape)
    ties, zeros, ones = rng.integers(-1, 2, shape).astype(float), np.zeros(shape), np.ones(shape)
    if kind in _SIMPLE:
        return [x.reshape(shape) for x in _SIMPLE[kind](signed, quarters, ties, zeros, ones)]
    if kind == "tensor":
        return [signed + 4 * np.eye(shape[0], size // shape[0]).reshape(shape)]
    eye = zeros + np.eye(shape[-2], shape[-1])
    return _MATRICES[kind](np.rint(signed * 6 / max(shape[-2:])) / 2, eye)


_SIMPLE = {
    "any": lambda signed, quarters, ties, zeros, ones: [signed, ties, -quarters, zeros, ones],
    "axis": lambda signed, quarters, ties, zeros, ones: [signed, ties],
    "pos": lambda signed, quarters, ties, zeros, ones: [quarters, ones, 2 * ones],
    "unit": lambda signed, quarters, ties, zeros, ones: [0.3 * ones, zeros, 0.5 * ones, ones, 0.75 * ones],
    "increasing": lambda signed, quarters, ties, zeros, ones: [np.cumsum(quarters), np.cumsum(ones)],
    "neginf": lambda signed, quarters, ties, zeros, ones: [
        np.where(np.arange(signed.size) == 1, -np.inf, signed),
        np.where(np.arange(signed.size) < 2, -np.inf, signed),
        zeros - np.inf,
    ],
    "nan": lambda signed, quarters, ties, zeros, ones: (
        [np.where(np.arange(signed.size) == 1, np.nan, x) for x in (signed, ties, zeros, ones)] + [zeros + np.nan]
    ),
}


def _gram(x: np.ndarray) -> np.ndarray:
    return x @ np.swapaxes(x, -1, -2)


def _with_equal_rows(x: np.ndarray) -> np.ndarray:
    return np.concatenate([x[:-1], x[:1]])


_MATRICES = {
    "square": lambda x, eye: [x + 4 * eye, x, eye],
    "singular": lambda x, eye: [
        _with_equal_rows(x),
        _with_equal_rows(x).T,
        np.diag([*np.arange(1.0, len(x)), 0]),
        np.diag([1.0, *np.zeros(len(x) - 1)]),
        np.diag([1.0, 0.0, *np.arange(2.0, len(x))]),
        np.ones_like(x),
        np.zeros_like(x),
    ],
    "spd": lambda x, eye: [_gram(x) + eye, eye, 4 * eye],
    "sym": lambda x, eye: [x + x.T, np.diag(np.arange(len(x)) - 1.0), eye, 0 * eye],
    "lower": lambda x, eye: [x + 4 * eye, eye],
    "upper": lambda x, eye: [np.triu(x) + 4 * eye, np.triu(x), eye],
}
