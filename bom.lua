# comment!!
print(3)