import Testing
import Base
