"""Linear regression by hand-derived formulas: loss, gradient, Hessian, closed form, gradient descent."""

from identities.linear_regression.descent import Descent as Descent
from identities.linear_regression.descent import gradient_descent as gradient_descent
from identities.linear_regression.gram import Gram as Gram
from identities.linear_regression.gram import row_blocks as row_blocks
from identities.linear_regression.loss import mean_squared_error as mean_squared_error
from identities.linear_regression.loss import mean_squared_error_hessian_theta as mean_squared_error_hessian_theta
from identities.linear_regression.loss import mean_squared_error_jacobian_theta as mean_squared_error_jacobian_theta
from identities.linear_regression.solve import closed_form as closed_form
from identities.linear_regression.solve import normal_equations as normal_equations
from identities.linear_regression.solve import normal_equations_jvp_X_Y as normal_equations_jvp_X_Y
from identities.linear_regression.solve import normal_equations_vjp_X as normal_equations_vjp_X
from identities.linear_regression.solve import normal_equations_vjp_Y as normal_equations_vjp_Y
