import Testing
import Autograd
