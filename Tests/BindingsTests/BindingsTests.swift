import Testing
import Bindings
