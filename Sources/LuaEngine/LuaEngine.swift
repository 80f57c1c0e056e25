// LuaEngine
