"""Rows spread over devices and over processes."""

import socket
import subprocess
import sys
import textwrap

SHARDED = """
    import re
    import jax, jax.numpy as jnp, numpy as np
    from jax.sharding import Mesh, NamedSharding, PartitionSpec as P
    from identities.linear_regression import *

    jax.config.update("jax_enable_x64", True)
    assert len(jax.devices()) == 8
    mesh = Mesh(np.array(jax.devices()), "rows")
    rng = np.random.default_rng(0)
    for n, p in ((64, 5), (131072, 32)):  # a design with products by a vector, and one with reductions instead
        X, Y, theta = rng.standard_normal((n, p)), rng.standard_normal(n), rng.standard_normal(p)
        sharded = [jax.device_put(a, NamedSharding(mesh, P("rows"))) for a in (X, Y)]
        whole = [jnp.asarray(a) for a in (X, Y)]
        functions = {
            "loss": lambda X, Y: mean_squared_error(theta, X, Y),
            "gradient": lambda X, Y: mean_squared_error_jacobian_theta(theta, X, Y),
            "hessian": lambda X, Y: mean_squared_error_hessian_theta(theta, X, Y),
            "closed_form": closed_form,
        }
        assert ("dot_general" in str(jax.make_jaxpr(functions["gradient"])(X, Y))) == (p == 5)
        for name, function in functions.items():
            compiled = jax.jit(function).lower(*sharded).compile()
            got = compiled(*sharded)
            np.testing.assert_allclose(got, function(*whole), rtol=1e-9, atol=1e-11, err_msg=name)
            if name == "closed_form":
                of_large = compiled(1e160 * sharded[0], sharded[1])
                np.testing.assert_allclose(1e160 * of_large, got, rtol=1e-9, atol=1e-11)
            program = compiled.as_text()
            collectives = re.findall(
                r"= (.*?) (all-reduce|all-gather|all-to-all|collective-permute|reduce-scatter)(?:-start)?[(]", program
            )
            assert collectives, name
            for shapes, kind in collectives:
                assert kind == "all-reduce", (name, kind, shapes)
                for shape in re.findall(r"[fsu]\\d+\\[([\\d,]*)\\]", shapes):
                    entries = np.prod([int(size) for size in shape.split(",") if size] or [1])
                    assert entries <= p * p, (name, kind, shapes)
    print("sharded")
"""

DISTRIBUTED = """
    import sys
    import jax, numpy as np
    from jax.sharding import Mesh, NamedSharding, PartitionSpec as P

    jax.config.update("jax_enable_x64", True)
    jax.distributed.initialize(sys.argv[1], num_processes=2, process_id=int(sys.argv[2]))
    from identities.linear_regression import *

    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((64, 5)), rng.standard_normal(64)
    rows = NamedSharding(Mesh(np.array(jax.devices()), "rows"), P("rows"))
    mine = slice(32 * jax.process_index(), 32 * (jax.process_index() + 1))
    X_, Y_ = (jax.make_array_from_process_local_data(rows, a[mine]) for a in (X, Y))
    theta = closed_form(X_, Y_)
    np.testing.assert_allclose(theta, np.linalg.lstsq(X, Y)[0], rtol=1e-11)
    gradient = mean_squared_error_jacobian_theta(np.ones(5), X_, Y_)
    np.testing.assert_allclose(gradient, 2 / 64 * (X @ np.ones(5) - Y) @ X, rtol=1e-11)
    print("distributed", jax.process_count())
"""


def start(program, *arguments, flags=""):
    environment = {"PATH": "", "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", textwrap.dedent(program), *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process, said):
    out, err = process.communicate(timeout=100)
    assert process.returncode == 0, err
    assert said in out


def test_only_small_reductions_cross_devices():
    finish(start(SHARDED, flags="--xla_force_host_platform_device_count=8"), "sharded")


def test_two_processes_give_the_result_of_one():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    processes = [start(DISTRIBUTED, address, str(i)) for i in range(2)]
    for process in processes:
        finish(process, "distributed 2")
