import Testing
import LuaEngine
