"""Events of an OpenAI Realtime session into the story of a call, one by one as they come or as a log has them."""
